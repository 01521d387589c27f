/**
 * One running node: opens the real adapters, starts the agent, and closes everything in order at the end.
 */
import type { Agent } from "./agent/agent.ts";
import { TokenLane } from "./agent/token_lane.ts";
import { agentOperations } from "./agent/operations.ts";
import type { Config } from "./core/config.ts";
import { asideReason } from "./core/document/forgotten.ts";
import type { Home } from "./core/home.ts";
import { Refusal } from "./core/refusal.ts";
import { TICK_MS } from "./core/timing.ts";
import { twinText } from "./core/cluster/twins.ts";
import { adminApp } from "./http/admin.ts";
import { publicApp } from "./http/public.ts";
import { refuseSecondAgent, servePublic, serveSocket } from "./http/serve.ts";
import { createTurnShare } from "./http/turn_share.ts";
import type { FaultLog } from "./fault_log.ts";
import { type LoopDelay, loopDelay } from "./loop_delay.ts";
import { type NodeAdapters, openAdapters } from "./node_adapters.ts";
import { nodeCounters } from "./node_counters.ts";
import { checkFilesProblem } from "./shell/probe/check_files.ts";
import type { EventLog } from "./shell/events/event_log.ts";
import { openTelling, refuseBadHooks } from "./telling.ts";
import { prepareHome } from "./shell/files/home.ts";
import type { Log } from "./shell/log/log.ts";
import { newToken, tokenKeys } from "./shell/files/token.ts";
import { VERSION } from "./version.ts";
import { forgetCluster } from "./shell/files/forget_cluster.ts";

/** Turn of the loop after which a health question says that the agent hangs, ms. */
const HANG_MS = 2_000;
/** How often a stopping node looks whether it has handed everything over, ms. */
const STOP_LOOK_MS = 50;
/** Time a stopping node takes at most, ms: waiting for a successor, handing over, lingering, and some. */
const STOP_MS_MAX = 15_000;
/** Time between two looks at the change of a token, ms: a step on every node takes about two records. */
const ROTATION_MS = 250;
/** Time for a last record and edit to reach the peers before the connections close, ms. */
const FAREWELL_MS = 200;
/** Steps of status documents made in one turn of the event loop: some ms of work. */
const STATUS_STEPS_PER_TURN = 1;

/** How to run a node. */
export interface NodeOptions {
  readonly home: Home;
  readonly config: Config;
  readonly log: Log;
  /** Where faults of the program go that nobody else takes. */
  readonly faults: FaultLog;
}

/** A node that runs. */
export interface RunningNode {
  /** Hands VIPs over and closes everything. Resolves when done; a second call waits for the first. */
  stop(): Promise<void>;
  /** Resolves when the node has ended, by {@link stop} or because it left the cluster. */
  readonly ended: Promise<void>;
}

/** Starts a node. Rejects with a {@link Refusal} when this machine cannot run it; nothing is left open then. */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const { home, config, log: { logger } } = options;
  const closers: (() => unknown)[] = [];
  try {
    return await startNode(options, closers);
  } catch (error) {
    await closeAll(closers, logger);
    if (!(error instanceof Refusal)) {
      logger.debug({ err: error, home: home.config, node: config.name }, "start failed");
    }
    throw error;
  }
}

/** Closes in reverse order of opening. What cannot be closed keeps nothing else open, and nobody waiting. */
async function closeAll(closers: (() => unknown)[], logger: Log["logger"]): Promise<void> {
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      logger.warn({ err: error }, "something could not be closed");
    }
  }
}

async function startNode(options: NodeOptions, closers: (() => unknown)[]): Promise<RunningNode> {
  const { home, config, log: { logger } } = options;
  await refuseSecondAgent(home);
  refuseBadHooks(config);
  prepareHome(home);
  const adapters = await openAdapters({ home, config, logger, closers });
  const { agent, now } = adapters;
  const telling = await openTelling(options, closers);
  agent.onChange = telling.tell;
  await agent.begin();
  return await serveNode({
    ...options,
    ...adapters,
    events: telling.events,
    delay: loopDelay(TICK_MS, now()),
    closers,
  });
}

interface Parts extends NodeOptions, NodeAdapters {
  readonly delay: LoopDelay;
  readonly events: EventLog;
  readonly closers: (() => unknown)[];
}

async function serveNode(parts: Parts): Promise<RunningNode> {
  const { agent, config, home, log: { logger }, delay, now, closers } = parts;
  const ending = Promise.withResolvers<void>();
  const counters = () => nodeCounters(parts);
  const rotation = openRotation(parts);
  const operations = agentOperations({
    agent,
    store: parts.store,
    table: parts.kernel.table,
    connections: parts.kernel.connections,
    marks: parts.kernel.marks,
    checkFiles: checkFilesProblem,
    tokens: { lane: rotation, make: () => tokenKeys(newToken()) },
    counters,
    events: (query) => parts.events.read(query),
    turn: createTurnShare(STATUS_STEPS_PER_TURN),
    leave: async () => {
      const isNoted = await leaveCluster(parts);
      // The answer goes out first.
      setTimeout(() => void closeAll(closers, logger).then(ending.resolve), FAREWELL_MS);
      return isNoted;
    },
  });
  const onFault = (error: unknown) =>
    logger.error({ err: error }, "a request failed, which is a fault of troop");
  const health = () =>
    now() - delay.beatMs() > HANG_MS
      ? `the loop last ran ${Math.round(now() - delay.beatMs())} ms ago`
      : null;
  const admin = await serveSocket(home, adminApp({ operations, onFault }).fetch);
  closers.push(() => admin.close());
  const open = servePublic(config.http, publicApp({ operations, health, onFault }).fetch);
  if (open !== null) closers.push(() => open.close());
  closers.push(keepTime(agent, { delay, now, faults: parts.faults }));
  logger.info(
    {
      cluster: config.cluster,
      node: config.name,
      id: agent.state.self.id,
      address: config.address,
      http: open?.at ?? "off",
    },
    `troop ${VERSION} runs as ${config.name} in cluster ${config.cluster}; ask it with \`troop status\``,
  );
  let stopping: Promise<void> | undefined;
  const stop = () =>
    stopping ??= handOver(parts)
      .catch((error) => logger.error({ err: error }, "handing over failed"))
      .then(() => closeAll(closers, logger))
      .then(ending.resolve);
  return { stop, ended: ending.promise };
}

/** Looks several times a second whether the cluster changes its token, or another machine has this node's identity. */
function openRotation(parts: Parts): TokenLane {
  const { agent, tokens, gossip, pulses, now, log: { logger }, closers } = parts;
  const lane = new TokenLane({
    state: agent.state,
    tokens,
    now,
    ask: gossip.askToken,
    connected: gossip.connected,
    closeExpired: gossip.closeExpired,
    tell: (fact) => agent.receive(fact),
    log: logger,
  });
  let aside = false;
  const timer = setInterval(() => {
    if (agent.state.twin === null) return void lane.turn();
    if (aside) return;
    aside = true;
    logger.warn({ twin: agent.state.twin }, twinText(agent.state.twin));
    pulses.close();
    void gossip.close();
  }, ROTATION_MS);
  closers.push(() => clearInterval(timer));
  return lane;
}

/** Ticks the agent at its own pace; returns how to stop. A fault in one turn does not stop the clock. */
function keepTime(
  agent: Agent,
  { delay, now, faults }: Pick<Parts, "delay" | "now" | "faults">,
): () => void {
  let timer: Timer;
  function beat(): void {
    delay.beat(now());
    try {
      agent.tick();
    } catch (error) {
      faults.note("a turn of the loop", error);
    }
    const paceMs = agent.paceMs();
    delay.expect(paceMs);
    timer = setTimeout(beat, paceMs);
  }
  timer = setTimeout(beat, TICK_MS);
  return () => clearTimeout(timer);
}

/** Waits until every VIP is with a successor, or the time for that is over. */
async function handOver({ agent, log: { logger } }: Parts): Promise<void> {
  logger.info({}, "stopping: handing VIPs over");
  agent.receive({ kind: "leave" });
  for (
    let waitedMs = 0;
    agent.state.phase !== "stopped" && waitedMs < STOP_MS_MAX;
    waitedMs += STOP_LOOK_MS
  ) {
    await sleep(STOP_LOOK_MS);
  }
  await agent.table.idle();
  await sleep(FAREWELL_MS);
}

/** True when the others know it. */
async function leaveCluster(parts: Parts): Promise<boolean> {
  const { agent, store, home, folder, log: { logger } } = parts;
  await handOver(parts);
  const newIdentity = asideReason(agent.state) !== null;
  // What the cluster has noted of a forgotten node stays, and the identity of a copy is another machine's.
  const isNoted = newIdentity || await noteDeparture(parts);
  await sleep(FAREWELL_MS);
  await agent.clean();
  await store.close();
  forgetCluster(home, folder, { newIdentity });
  logger.info({}, "left the cluster; kernel and files are as they were before");
  return isNoted;
}

/** Notes in the document that this node has left. True when another node has that on its disk, or there is none. */
async function noteDeparture({ agent, store, log: { logger } }: Parts): Promise<boolean> {
  const { self: { id, name }, peers } = agent.state;
  const others = [...peers.values()].filter(({ life }) => life.state !== "left")
    .map(({ record }) => record.id);
  try {
    const receipt = await store.edit([{ kind: "putNode", id, entry: { name, left: true } }]);
    return others.length === 0 || (await receipt.storedBy(others)).length > 0;
  } catch (error) {
    logger.warn({ err: error }, "the cluster could not be told that this node leaves");
    return false;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
