/**
 * What is wrong between nodes and only people can mend: each in one line that says what to do.
 *
 * Some are seen by the shell (a stranger's token) or told by a peer (a caution), and fade when they are not
 * seen again; the others follow from what the nodes say of themselves.
 */
import { type Endpoint, formatEndpoint } from "../address.ts";
import type { Caution } from "./caution.ts";
import type { NodeId } from "../document/document.ts";
import { formatDuration } from "../duration.ts";
import { isPresent } from "./liveness.ts";
import { isSelfForgotten } from "../document/forgotten.ts";
import type { Pulse } from "./pulse.ts";
import { caution, noteWarning } from "./notes.ts";
import type { Peer, State } from "../state.ts";
import { onTwinCaution, onTwinSpeaking, twinText } from "./twins.ts";

/** How long a warning stays after it was last seen, ms: longer than the pauses between two tries of a dialler. */
export const WARNING_MS = 30_000;
/** Difference of two wall clocks worth a word, ms: more than a record can be old when it arrives, in the largest cluster. */
export const CLOCK_SKEW_MS = 30_000;

/** Somebody says why this node is not heard. */
export function onCaution(
  state: State,
  { caution, from }: { readonly caution: Caution; readonly from: Endpoint },
  now: number,
): void {
  const { kind, speaker } = caution;
  if (kind === "twin" && speaker !== undefined) {
    return onTwinSpeaking(state, { caution: { ...caution, speaker }, from }, now);
  }
  if (caution.echo !== state.self.boot) return;
  if (caution.kind === "expired") {
    noteWarning(state, { key: "expired", text: expiredText(from) }, now);
    state.expiredMs = now;
  } else if (caution.kind === "twin") {
    onTwinCaution(state, caution, now);
  } else if (caution.kind === "forgotten" && !state.forgotten) {
    state.forgotten = true;
    state.tableVersion++;
    state.recordVersion++;
  }
}

/** A node that was removed for good pulses: it is told, and so are people. */
export function noteForgotten(
  state: State,
  { pulse, source }: { readonly pulse: Pulse; readonly source?: Endpoint },
  now: number,
): void {
  if (source === undefined) return;
  const name = state.document.nodes.get(pulse.from)?.name ?? pulse.from;
  const text =
    `${name} at ${source.address} was forgotten and runs; it holds nothing until it leaves and joins again`;
  noteWarning(state, { key: `forgotten ${pulse.from}`, text }, now);
  const { self } = state;
  caution(state, {
    caution: {
      kind: "forgotten",
      to: pulse.from,
      echo: pulse.boot,
      boot: self.boot,
      address: self.paths[0].address,
      port: self.port,
    },
    to: source,
  }, now);
}

/** A pulse in the name of a member was none of it. Around a change of version the keys of the two may not be known yet. */
export function noteForged(
  state: State,
  { named, source }: { readonly named: NodeId; readonly source: Endpoint },
  now: number,
): void {
  const peer = state.peers.get(named);
  if (peer === undefined || peer.life.state !== "alive") return;
  const text =
    `${source.address} has this cluster's token and pulses in the name of ${peer.record.name}, which is not believed; look at that machine, and change the token with \`troop token rotate\` if it is none of yours`;
  noteWarning(state, { key: `forged ${named}`, text }, now);
}

/**
 * Whether this node was told lately that its token has expired. It hears nobody whom it could hold a VIP beside, and does
 * not know what was decided since; that fades, as the warning does, because a late datagram may tell it around a rotation.
 */
export function isExpired(state: State): boolean {
  return state.lastTickMs - state.expiredMs <= WARNING_MS;
}

function expiredText(from: Endpoint): string {
  return `this node's token has expired: the cluster at ${from.address} has changed it; run \`troop token\` there, and put that token into troop.yaml here, or leave and join again; then restart this agent`;
}

const FORGOTTEN_TEXT =
  "the cluster has forgotten this node, so it holds nothing; run `troop leave` here, and then `troop join` again";

/** Every warning of this moment, sorted. Forgets those that have faded. */
export function currentWarnings(state: State, now: number): string[] {
  for (const [key, { seenMs }] of state.warnings) {
    if (now - seenMs > WARNING_MS) state.warnings.delete(key);
  }
  const present = [...state.peers.values()].filter(isPresent);
  return [
    ...[...state.warnings.values()].map(({ text }) => text),
    ...(isSelfForgotten(state) ? [FORGOTTEN_TEXT] : []),
    ...(state.twin === null ? [] : [twinText(state.twin)]),
    ...doubleNames(state, present),
    ...doubleAddresses(state, present),
    ...skewedClocks(present),
    ...differingVersions(state, present),
    ...documentWarnings(state),
  ].sort();
}

/** This node and its present peers, as far as they can be in each other's way. */
function everybody(state: State, present: readonly Peer[]) {
  const { name, id, paths, port, version } = state.self;
  return [{ name, id, paths, port, version }, ...present.map(({ record }) => record)];
}

function doubleNames(state: State, present: readonly Peer[]): string[] {
  const first = new Map<string, ReturnType<typeof everybody>[number]>();
  return everybody(state, present).flatMap((node) => {
    const other = first.get(node.name);
    if (other === undefined) {
      first.set(node.name, node);
      return [];
    }
    const places = [other, node].map(({ paths }) => paths[0]?.address ?? "?").sort().join(" and ");
    return [
      `two nodes are named ${node.name}, at ${places}; change \`name\` in troop.yaml of one, and restart its agent`,
    ];
  });
}

function doubleAddresses(state: State, present: readonly Peer[]): string[] {
  const first = new Map<string, string>();
  return everybody(state, present).flatMap((node) =>
    node.paths.flatMap(({ address }) => {
      const place = formatEndpoint({ address, port: node.port });
      const other = first.get(place);
      if (other === undefined) {
        first.set(place, node.name);
        return [];
      }
      const names = [other, node.name].sort().join(" and ");
      return [`${names} have the same address ${address}; give one of them another`];
    })
  );
}

function skewedClocks(present: readonly Peer[]): string[] {
  return present.flatMap(({ record, life }) => {
    const skewMs = life.skewMs ?? 0;
    if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return [];
    return [
      `the clock of ${record.name} is ${formatDuration(Math.abs(skewMs))} ${
        skewMs > 0 ? "ahead of" : "behind"
      } this node's; set both by NTP: drains end by the clock`,
    ];
  });
}

function differingVersions(state: State, present: readonly Peer[]): string[] {
  const versions = new Map<string, string[]>();
  for (const { name, version } of everybody(state, present)) {
    versions.set(version, [...versions.get(version) ?? [], name]);
  }
  if (versions.size < 2) return [];
  const list = [...versions].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, names]) => `${names.sort().join(", ")} ${version}`).join("; ");
  return [`nodes run different versions (${list}); finish the upgrade`];
}

/** What is said of a document of which a part is lost. */
export function doubtText({ reason }: NonNullable<State["doubt"]>): string {
  return `this node waits for the document of a running peer and touches nothing: ${reason}`;
}

function documentWarnings({ doubt, document: { idle = 0, crowded } }: State): string[] {
  const entries = idle === 1 ? "entry" : "entries";
  return [
    ...(doubt === null ? [] : [doubtText(doubt)]),
    ...(idle === 0 ? [] : [
      `${idle} ${entries} of a newer version in the cluster document: kept and passed on, not applied here; upgrade this node`,
    ]),
    ...(crowded === undefined ? [] : [crowdedText(crowded)]),
  ];
}

function crowdedText({ bytes, max }: NonNullable<State["document"]["crowded"]>): string {
  const percent = Math.floor(100 * bytes / max);
  return `the cluster document takes ${percent} % of the ${
    max / 1_048_576
  } MiB it can have, beyond which edits are refused; remove services and servers that are not needed, or \`troop export\`, begin a new cluster and \`troop apply\``;
}
