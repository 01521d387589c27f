/**
 * What one peer may make this node do. A peer has the token, but it may be buggy, or somebody else's by now: what
 * it sends too much of is dropped before it costs anything, counted, told once a minute with its name, and shown while it
 * goes on, and nobody else notices.
 *
 * Each limit is far above what a healthy peer needs, so being over it is a fault and no bad luck. What is dropped is
 * not lost: the next record says the same, and the document is synchronized.
 */
import { type Budget, type BudgetLimits, fullBudget, spend } from "../../core/budget.ts";
import { NODES_MAX } from "../../core/limits.ts";
import { NO_NOTICES, type Notices } from "../log/notices.ts";

const MEBIBYTE = 1_048_576;

/**
 * The budgets of one peer. The first two are of a connection: what a peer passes on, its own and that of others. The
 * others are of whoever signed a message.
 */
export const PEER_BUDGETS = {
  /** Messages a peer passes on: a round of records of a full cluster at once, and some mesh duplicates for ever. */
  messages: { burst: 4 * NODES_MAX, perSecond: 400 },
  /** Bytes of them: the largest records of ten nodes each second, or a few dozen of them at once. */
  bytes: { burst: 32 * MEBIBYTE, perSecond: 8 * MEBIBYTE },
  /** A node tells its record once a second, and on news, which cannot be more often than its loop turns. */
  records: { burst: 250, perSecond: 50 },
  /** Bytes of them: checking half a megabyte takes some 10 ms. */
  "record bytes": { burst: 16 * MEBIBYTE, perSecond: 2 * MEBIBYTE },
  /** Edits of the document: an operator's script that adds servers one by one waits for the disk each time. */
  updates: { burst: 2_000, perSecond: 200 },
  /** Bytes of them. */
  "update bytes": { burst: 4 * MEBIBYTE, perSecond: MEBIBYTE / 4 },
  /**
   * Rounds of a synchronization: the largest document takes 1,024, then one each half second, and an edit is confirmed
   * by one, 40 a second at most.
   */
  synchronizations: { burst: 1_100, perSecond: 50 },
  /** Questions of `troop join`: a person asks once, a script for a rack a few times. */
  hellos: { burst: 20, perSecond: 1 },
  /** Calls over a budget, before the peer loses its connection: a fault may mend itself. */
  patience: { burst: 500, perSecond: 1 },
} as const satisfies Record<string, BudgetLimits>;

/** What is limited. */
export type BudgetKind = keyof typeof PEER_BUDGETS;

/** Peers remembered: members, and as many again that came and went. The one that was quiet longest is forgotten first. */
const PEERS_MAX = 2 * NODES_MAX;
/** Time between two lines about one peer, ms. */
const NOTICE_INTERVAL_MS = 60_000;
/** Time between two warnings about one peer, ms: they are shown for half a minute, and floods are no reason for more. */
const WARN_INTERVAL_MS = 1_000;

/** See the head of this file. */
export interface PeerBudgets {
  /** Whether the peer may have this now. When not, it is counted and told. */
  take(peer: string, kind: BudgetKind, amount?: number): boolean;
  /** What was over a budget so far, by kind. */
  counts(): ReadonlyMap<BudgetKind, number>;
}

/** See {@link createPeerBudgets}. */
export interface PeerBudgetOptions {
  readonly notices?: Notices;
  /** Warns people for as long as it goes on. */
  readonly warn?: (key: string, text: string) => void;
  /** What the peer is called, for people. */
  readonly nameOf?: (peer: string) => string;
  /** Other limits than {@link PEER_BUDGETS}, for tests. */
  readonly limits?: Partial<Record<BudgetKind, BudgetLimits>>;
  /** Monotonic ms. */
  readonly now?: () => number;
}

interface Account {
  readonly budgets: Map<BudgetKind, Budget>;
  toldMs: number;
  warnedMs: number;
  /** Since the last line. */
  dropped: number;
}

/** Makes budgets that are all full. */
export function createPeerBudgets(options: PeerBudgetOptions = {}): PeerBudgets {
  const { now = () => performance.now() } = options;
  const accounts = new Map<string, Account>();
  const counts = new Map<BudgetKind, number>();
  return {
    take(peer, kind, amount = 1) {
      const nowMs = now();
      const account = accountOf(accounts, peer);
      const limits = options.limits?.[kind] ?? PEER_BUDGETS[kind];
      const budget = account.budgets.get(kind) ?? fullBudget(limits, nowMs);
      account.budgets.set(kind, budget);
      if (spend(budget, limits, { amount, now: nowMs })) return true;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      account.dropped++;
      tell(options, { account, peer, kind, nowMs });
      return false;
    },
    counts: () => new Map(counts),
  };
}

/** The account of a peer, put last in the order of forgetting. */
function accountOf(accounts: Map<string, Account>, peer: string): Account {
  const account = accounts.get(peer) ?? {
    budgets: new Map(),
    toldMs: -Infinity,
    warnedMs: -Infinity,
    dropped: 0,
  };
  accounts.delete(peer);
  accounts.set(peer, account);
  const [oldest] = accounts.keys();
  if (accounts.size > PEERS_MAX && oldest !== undefined) accounts.delete(oldest);
  return account;
}

function tell(
  { notices = NO_NOTICES, nameOf = (peer) => peer, warn = () => {} }: PeerBudgetOptions,
  { account, peer, kind, nowMs }: {
    readonly account: Account;
    readonly peer: string;
    readonly kind: BudgetKind;
    readonly nowMs: number;
  },
): void {
  if (nowMs - account.warnedMs < WARN_INTERVAL_MS) return;
  account.warnedMs = nowMs;
  const name = nameOf(peer);
  const text =
    `${name} sends too much (${kind}): what is over its budget is dropped; look at the agent there`;
  warn(`budget ${peer}`, text);
  if (nowMs - account.toldMs < NOTICE_INTERVAL_MS) return;
  account.toldMs = nowMs;
  notices.warn({ peer: name, kind, dropped: account.dropped }, text);
  account.dropped = 0;
}
