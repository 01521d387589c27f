/**
 * Two machines with one identity: a node's disk was copied. The one that was there first stays; the other stands
 * aside: it holds nothing, serves nothing and says nothing until it has an identity of its own.
 *
 * A third node sees it when a new run of a node pulses from an address the node does not have, while the run it knows
 * is alive; it goes on with that one, and tells both. Without a third node the two find out when one calls the
 * other, whose key is its own.
 */
import type { Endpoint, Ip } from "../address.ts";
import type { Caution } from "./caution.ts";
import type { Pulse } from "./pulse.ts";
import type { NodeRecord } from "./record.ts";
import type { Peer, State } from "../state.ts";
import { caution, noteWarning } from "./notes.ts";

/** A node that has run for longer does not stand aside for one it calls itself, ms: the other one is the newcomer. */
export const NEWCOMER_MS = 30_000;

/** Whether a pulse of a newer run comes from another machine than the run that is alive. */
export function isTwin(
  { life, record }: Peer,
  pulse: Pulse,
  source: Endpoint | undefined,
): boolean {
  return source !== undefined && pulse.boot > life.boot && isHeard({ life }) &&
    record.paths.every(({ address }) => address !== source.address);
}

/** Whether a record of a newer run tells of another machine than the run that is alive. */
export function isTwinRecord({ life, record: known }: Peer, record: NodeRecord): boolean {
  return record.boot > life.boot && isHeard({ life }) &&
    record.paths.every(({ address }) => known.paths.every((path) => path.address !== address));
}

function isHeard({ life }: Pick<Peer, "life">): boolean {
  return life.boot > 0 && life.heardMs > -Infinity &&
    (life.state === "alive" || life.state === "suspect");
}

/** Tells people, and both machines: each where the other is, and which of them is the newer one. */
export function noteTwin(
  state: State,
  { peer, pulse, source }: { peer: Peer; pulse: Pulse; source: Endpoint },
  now: number,
): void {
  const { record, life } = peer;
  const first = { address: record.paths[0]?.address ?? source.address, port: record.port };
  const text =
    `${record.name} runs on two machines, at ${first.address} and ${source.address}; on the second run \`troop leave\`, and then \`troop join\``;
  noteWarning(state, { key: `twin ${record.id}`, text }, now);
  const to = record.id;
  const newer = { kind: "twin", to, echo: pulse.boot, boot: life.boot, ...first } as const;
  caution(state, { caution: newer, to: source }, now);
  const older = { kind: "twin", to, echo: life.boot, boot: pulse.boot, ...source } as const;
  caution(state, { caution: older, to: first }, now);
}

/** A member says that another machine has this node's identity. */
export function onTwinCaution(state: State, { boot, address }: Caution, now: number): void {
  if (boot < state.self.boot) return standAside(state, address);
  noteWarning(state, { key: "twin", text: otherText(address) }, now);
}

/** A machine has proved to have this node's key. */
export function onTwin(
  state: State,
  { address, dialled }: { readonly address: Ip; readonly dialled: boolean },
  now: number,
): void {
  if (dialled && now - state.startedMs < NEWCOMER_MS) return standAside(state, address);
  noteWarning(state, { key: "twin", text: otherText(address) }, now);
}

function standAside(state: State, address: Ip): void {
  if (state.twin !== null) return;
  state.twin = address;
  state.tableVersion++;
  state.recordVersion++;
}

/** What the machine that stands aside tells people. */
export function twinText(address: Ip): string {
  return `the machine at ${address} has this node's identity (one is a copy of the other), so this one stands aside; run \`troop leave\` here, and then \`troop join\`, which makes a new identity`;
}

function otherText(address: Ip): string {
  return `the machine at ${address} has this node's identity (one is a copy of the other); on it run \`troop leave\`, and then \`troop join\``;
}
