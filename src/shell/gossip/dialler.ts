/**
 * Decides when to dial whom: every wanted peer that is not connected, again and again, with a pause that
 * grows and never the same on two nodes; seeds only while nobody is connected.
 *
 * Of two nodes the one with the lower id dials at once and the other half a second later, so that they do
 * not meet in the middle with two connections.
 */
import { type Endpoint, formatEndpoint } from "../../core/address.ts";
import type { NodeId } from "../../core/document/document.ts";

/** First pause after a failed dial, ms. */
export const PAUSE_MS_MIN = 250;
/** Longest pause, ms: how long a peer that comes back may wait for us, when it does not dial itself. */
export const PAUSE_MS_MAX = 4_000;
/** What the node with the higher id waits before it dials as well, ms. */
export const SECOND_DIALLER_DELAY_MS = 500;

/** A peer to be connected to. */
export interface WantedPeer {
  readonly id: NodeId;
  readonly addresses: readonly string[];
  readonly port: number;
  /** Whether its pulses come: who begins to be heard is dialled soon, whatever the pause had grown to. */
  readonly heard?: boolean;
}

/** The dialler's view of the world. */
export interface DiallerOptions {
  /** This node. */
  readonly id: NodeId;
  readonly seeds: readonly Endpoint[];
  /** Dials the addresses one after the other; rejects when none answers. */
  dial(endpoints: readonly Endpoint[]): Promise<void>;
  /** Peers with an open connection. */
  connected(): ReadonlySet<NodeId>;
  /** Whether the failure says that the endpoints are this node itself. */
  isSelf(error: unknown, endpoints: readonly Endpoint[]): boolean;
  readonly now?: () => number;
  /** A number in [0, 1). */
  readonly random?: () => number;
}

/** A running dialler. */
export interface Dialler {
  wantPeers(peers: readonly WantedPeer[]): void;
  /** A peer's connection has closed: dial it soon. */
  lost(id: NodeId): void;
  close(): void;
}

interface Target {
  readonly id: NodeId | undefined;
  endpoints: readonly Endpoint[];
  heard: boolean;
  failures: number;
  dueMs: number;
  dialling: boolean;
}

interface DiallerState {
  readonly options: DiallerOptions;
  readonly now: () => number;
  readonly random: () => number;
  readonly targets: Map<string, Target>;
  timer: ReturnType<typeof setTimeout> | undefined;
  closed: boolean;
}

/** Starts a dialler; it dials the seeds at once. */
export function startDialler(options: DiallerOptions): Dialler {
  const { now = () => performance.now(), random = Math.random } = options;
  const state: DiallerState = {
    options,
    now,
    random,
    targets: new Map(),
    timer: undefined,
    closed: false,
  };
  for (const seed of options.seeds) {
    state.targets.set(formatEndpoint(seed), createTarget(undefined, [seed], now()));
  }
  schedule(state);
  return {
    wantPeers: (peers) => setWanted(state, peers),
    lost: (id) => retrySoon(state, id),
    close() {
      state.closed = true;
      clearTimeout(state.timer);
    },
  };
}

function createTarget(
  id: NodeId | undefined,
  endpoints: readonly Endpoint[],
  dueMs: number,
): Target {
  return { id, endpoints, heard: false, failures: 0, dueMs, dialling: false };
}

function setWanted(state: DiallerState, peers: readonly WantedPeer[]): void {
  const wanted = new Map(peers.map((peer) => [peer.id, peer]));
  wanted.delete(state.options.id);
  for (const [key, target] of state.targets) {
    if (target.id !== undefined && !wanted.has(target.id)) state.targets.delete(key);
  }
  for (const { id, addresses, port, heard = false } of wanted.values()) {
    const endpoints = addresses.map((address) => ({ address, port }));
    const target = state.targets.get(id) ??
      createTarget(id, endpoints, state.now() + turnMs(state, id));
    state.targets.set(id, target);
    target.endpoints = endpoints;
    if (heard && !target.heard && target.failures > 0) retrySoon(state, id);
    target.heard = heard;
  }
  schedule(state);
}

function retrySoon(state: DiallerState, id: NodeId): void {
  const target = state.targets.get(id);
  if (target !== undefined) {
    target.failures = 0;
    target.dueMs = state.now() + PAUSE_MS_MIN * state.random() + turnMs(state, id);
  }
  schedule(state);
}

/** How long this node leaves the first dial to the other one, ms. */
function turnMs(state: DiallerState, id: NodeId): number {
  return state.options.id < id ? 0 : SECOND_DIALLER_DELAY_MS;
}

function schedule(state: DiallerState): void {
  clearTimeout(state.timer);
  if (state.closed) return;
  const due = waiting(state).reduce((least, target) => Math.min(least, target.dueMs), Infinity);
  if (due === Infinity) return;
  state.timer = setTimeout(() => dialDue(state), Math.max(0, due - state.now()));
}

/** Targets to be dialled when their time comes. */
function waiting(state: DiallerState): Target[] {
  const connected = state.options.connected();
  return [...state.targets.values()].filter((target) =>
    !target.dialling &&
    (target.id === undefined ? connected.size === 0 : !connected.has(target.id))
  );
}

function dialDue(state: DiallerState): void {
  const nowMs = state.now();
  for (const target of waiting(state)) {
    if (target.dueMs <= nowMs) void dialTarget(state, target);
  }
  schedule(state);
}

async function dialTarget(state: DiallerState, target: Target): Promise<void> {
  target.dialling = true;
  try {
    await state.options.dial(target.endpoints);
    target.failures = 0;
  } catch (error) {
    if (target.id === undefined && state.options.isSelf(error, target.endpoints)) {
      forget(state, target);
    }
    target.failures++;
  }
  target.dialling = false;
  target.dueMs = state.now() + pauseMs(target.failures, state.random());
  schedule(state);
}

function forget(state: DiallerState, target: Target): void {
  for (const [key, value] of state.targets) if (value === target) state.targets.delete(key);
}

/** The pause after so many failures, ms: doubled each time up to the longest, and cut by up to half by chance. */
export function pauseMs(failures: number, random: number): number {
  const full = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures, 10));
  return full * (1 - random / 2);
}
