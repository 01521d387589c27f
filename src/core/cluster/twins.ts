/**
 * Two machines with one identity: a node's disk was copied. The one that was there first stays; the other stands
 * aside: it holds nothing, serves nothing and says nothing until it has an identity of its own.
 *
 * A third node sees it when a new run of a node pulses from an address the node does not have, while the run it knows
 * is alive; it goes on with that one, and tells both. Without a third node the two find out when one calls the
 * other, whose key is its own; then they tell each other of their runs, and one of them stands aside.
 *
 * Two that have one address, too, cannot call each other. Each asks the LAN now and then who else has its address
 * (duplicates.ts), and a third node sees two runs pulse at a time; people are told, and VIPs stay where they are: who wants
 * one asks the LAN first.
 */
import type { Endpoint, Ip } from "../address.ts";
import type { Caution } from "./caution.ts";
import type { Pulse } from "./pulse.ts";
import type { NodeRecord } from "./record.ts";
import type { Peer, State } from "../state.ts";
import { caution, noteWarning } from "./notes.ts";

/** A node that has run for longer does not give way to one that has not, ms: that one is the newcomer. */
export const NEWCOMER_MS = 30_000;
/** Time for which pulses of an earlier run may still be under way, ms. */
const STRAGGLERS_MS = 2_000;

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

/** A machine has proved to have this node's key: the two settle which of them goes on. */
export function onTwin(state: State, { address }: { readonly address: Ip }, now: number): void {
  noteWarning(state, { key: "twin", text: otherText(address) }, now);
  greet(state, { to: { address, port: state.self.port }, echo: 0 }, now);
}

/** A caution of the twin itself. */
type Greeting = Caution & { readonly speaker: NonNullable<Caution["speaker"]> };

/** The twin speaks: it is answered, and believed if it knows this very run. */
export function onTwinSpeaking(
  state: State,
  { caution, from }: { readonly caution: Greeting; readonly from: Endpoint },
  now: number,
): void {
  greet(state, { to: from, echo: caution.boot }, now);
  if (caution.echo !== state.self.boot) return;
  if (givesWay(state, caution, now)) return standAside(state, caution.address);
  noteWarning(state, { key: "twin", text: otherText(caution.address) }, now);
}

/**
 * Whether this one of the two stands aside. Both ask this of the same facts, so exactly one does: the one that has just
 * started, else the one that started later, else (they are copies of a running machine) the one with the higher address.
 */
function givesWay(state: State, { speaker, boot, address }: Greeting, now: number): boolean {
  const { self } = state;
  const newcomer = isNewcomer(state, now);
  if (newcomer !== speaker.newcomer) return newcomer;
  return self.boot === boot ? self.paths[0].address > address : self.boot > boot;
}

function isNewcomer({ startedMs }: State, now: number): boolean {
  return now - startedMs < NEWCOMER_MS;
}

/** Tells the twin of this run. */
function greet(
  state: State,
  { to, echo }: { readonly to: Endpoint; readonly echo: number },
  now: number,
): void {
  const { id, boot, port, paths: [{ address }] } = state.self;
  const speaker = { newcomer: isNewcomer(state, now) };
  caution(
    state,
    { caution: { kind: "twin", to: id, echo, boot, address, port, speaker }, to },
    now,
  );
}

/** Two runs of a node pulse from one address: people are told. Which machine a caution would reach nobody knows. */
export function noteTwinAtOneAddress(
  state: State,
  { peer, pulse, source }: { peer: Peer; pulse: Pulse; source: Endpoint | undefined },
  now: number,
): void {
  const { life, record } = peer;
  if (source === undefined || pulse.echo !== state.self.boot) return;
  if (!isHeard(peer) || now - life.metMs < STRAGGLERS_MS) return;
  const text =
    `${record.name} runs on two machines, both at ${source.address}; give one of them another address, run \`troop leave\` there, and then \`troop join\``;
  noteWarning(state, { key: `twin ${record.id}`, text }, now);
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
