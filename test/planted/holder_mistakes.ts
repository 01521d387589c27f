/**
 * Mistakes in who holds a VIP, and in what time and news change.
 */
import type { Mistake } from "./mistake.ts";

const OWNERSHIP = "src/core/cluster/ownership.ts";
const CANDIDATES = "src/core/cluster/candidates.ts";
const ANNOUNCEMENTS = "src/core/cluster/announcements.ts";
const FREE_VIP = "src/core/cluster/free_vip.ts";
const TICK = "src/core/tick.ts";
const STEP = "src/core/step.ts";
const PEERS = "src/core/step_peers.ts";
const LIVENESS = "src/core/cluster/liveness.ts";

/** Who holds a VIP. */
const claims: readonly Mistake[] = [
  {
    name: "epochs compared the wrong way",
    breaks: "of two claims the older one wins",
    file: CANDIDATES,
    right: "(b.claim?.epoch ?? -1) - (a.claim?.epoch ?? -1)",
    wrong: "(a.claim?.epoch ?? -1) - (b.claim?.epoch ?? -1)",
    kinds: ["moveVip", "restart", "partition"],
  },
  {
    name: "equal claims not settled",
    breaks: "of two claims with one epoch and one priority each claimer prefers its own",
    file: CANDIDATES,
    right: "b.priority - a.priority || compareText(a.id, b.id);",
    wrong: "b.priority - a.priority;",
    kinds: ["partition", "unplug"],
  },
  {
    name: "loser does not let go",
    breaks: "a holder keeps the VIP though another claim is higher",
    file: OWNERSHIP,
    right: "if (incumbent !== undefined && incumbent.id !== selfId) {",
    wrong: "if (incumbent !== undefined && incumbent.name === selfId) {",
    kinds: ["partition", "unplug"],
  },
  {
    name: "LAN not asked",
    breaks: "a VIP is claimed while a machine whose agent is dead still answers for it",
    file: FREE_VIP,
    right: "return decideByWitness(state, { vip, now, epoch });",
    wrong: 'return { act: "claim", reason: "nobody pulses", epoch };',
    kinds: ["kill", "deafOrMute", "pause"],
  },
  {
    name: "answers of the LAN not heeded",
    breaks: "the LAN is asked, and what it says does not matter",
    file: STEP,
    right: "  const witness = state.witnesses.get(fact.vip);",
    wrong: '  const witness = state.witnesses.get("");',
    kinds: ["kill", "deafOrMute", "pause"],
  },
  {
    name: "own standstill taken for the LAN's silence",
    breaks:
      "a node that stood still itself takes a VIP for which a machine answered when it last asked",
    file: STEP,
    right: "  witness.asks = 0;",
    wrong: "",
    plan: "silence_of_its_own_standstill",
  },
  {
    name: "last question to the LAN not waited for",
    breaks:
      "news that comes just after the third question makes a node take the VIP before the answer does",
    file: FREE_VIP,
    right: "free.now - witness.lastAskedMs < WITNESS_ANSWER_MS;",
    wrong: "free.now - witness.lastAskedMs < 0;",
    plan: "answer_on_its_way",
  },
  {
    name: "live holder counts as one that hands over",
    breaks: "the next candidate takes the VIP from a holder that keeps it",
    file: FREE_VIP,
    right: "const yields = incumbent?.claim?.yielding === true;",
    wrong: "const yields = incumbent?.claim !== undefined;",
    kinds: ["webServer", "weather"],
  },
  {
    name: "unfit nodes are candidates",
    breaks: "everybody waits for a node that cannot hold the VIP",
    file: CANDIDATES,
    right: "member.director && member.unfit === null && !member.leaving && !member.starting",
    wrong: "member.director && !member.leaving && !member.starting",
    kinds: ["carrier", "crash", "kill"],
  },
  {
    name: "nodes that only serve are candidates",
    breaks: "everybody waits for a node that is no director",
    file: CANDIDATES,
    right: "member.director && member.unfit === null && !member.leaving && !member.starting",
    wrong: "member.unfit === null && !member.leaving && !member.starting",
    kinds: ["crash", "kill"],
  },
  {
    name: "each node prefers itself",
    breaks: "the order of candidates is not the same everywhere, so several claim at once",
    file: CANDIDATES,
    right: "spreadHash(b.id + leader) - spreadHash(a.id + leader) ||",
    wrong: "Number(b.id === state.self.id) - Number(a.id === state.self.id) ||",
    kinds: ["crash", "partition"],
  },
  {
    name: "priority the wrong way",
    breaks: "the node that should hold a VIP least is chosen",
    file: CANDIDATES,
    right: "return place(a) - place(b) || b.priority - a.priority;",
    wrong: "return place(a) - place(b) || a.priority - b.priority;",
    kinds: ["crash", "kill"],
  },
  {
    name: "move order never spent",
    breaks: "an order to move a VIP holds for ever",
    file: CANDIDATES,
    right: "move.fromEpoch === presentEpoch(state, vip, members)",
    wrong: "move.fromEpoch <= presentEpoch(state, vip, members)",
    kinds: ["moveVip", "crash"],
  },
  {
    name: "third steps into a move",
    breaks:
      "a VIP that is moved goes to a node that nobody named, for that does not hear the target",
    file: FREE_VIP,
    right: "failbackTarget(state, vip, members) !== id;",
    wrong: "failbackTarget(state, vip, members) === id;",
    plan: "third_takes_what_was_moved",
  },
  {
    name: "preferred one waited for for ever",
    breaks:
      "of two that know different epochs, as those of earlier versions do, each waits for the other",
    file: FREE_VIP,
    right: "  return now - waits.sinceMs >= place * AWAITED_MS_MAX + apartMs;",
    wrong: "  return false;",
    plan: "each_waits_for_the_other",
  },
  {
    name: "holder known by gossip passed over",
    breaks: "a node takes a VIP from a holder that all others hear",
    file: FREE_VIP,
    right: "obstacle === null && !isToldHeld(state, vip, now)",
    wrong: "obstacle === null",
    plan: "holder_heard_by_others",
  },
  {
    name: "own fitness told late",
    breaks: "two that take each other for unfit, as both were, take one VIP",
    file: TICK,
    right: "    if (before !== undefined && before !== unfit) touch(state);\n",
    wrong: "",
    plan: "fit_again_untold",
  },
  {
    name: "returned director's neighbours not told",
    breaks: "clients beside a node that was cut off go on sending to it",
    file: TICK,
    right: "    noteMeeting(state, peer, { after, now });\n",
    wrong: "",
    plan: "let_go_before_anybody_heard",
  },
  {
    name: "drain ignored at takeover",
    breaks: "a drained node takes VIPs though another could",
    file: CANDIDATES,
    right: "      Number(givesVipsAway(state, a.id)) - Number(givesVipsAway(state, b.id)) ||\n",
    wrong: "",
    kinds: ["drainNode", "crash"],
  },
  {
    name: "group torn apart",
    breaks: "VIPs of one group are held by several nodes",
    file: OWNERSHIP,
    right: "if (leader !== vip) return decideFollower(state, vip, { leader, now });",
    wrong: "",
    kinds: ["moveVip", "crash"],
  },
  {
    name: "leaving holder hands over to nobody",
    breaks: "a planned restart leaves the VIP silent",
    file: OWNERSHIP,
    right: "  return now - sinceMs >= LEAVE_WAIT_MS || now",
    wrong: "  return now - sinceMs >= 0 || now",
    kinds: ["restart"],
  },
];

/** What time and news change. */
const facts: readonly Mistake[] = [
  {
    name: "own pause not noticed",
    breaks: "a node that stood still takes its own deafness for everybody's death",
    file: TICK,
    right: "  if (gapMs < CLOCK_GAP_MS) return;",
    wrong: "  if (gapMs >= 0) return;",
    kinds: ["pause", "suspend"],
  },
  {
    name: "new holder does not announce",
    breaks: "clients go on sending to the old holder",
    file: ANNOUNCEMENTS,
    right: 'hold.phase === "holding" && isDue(hold, now)',
    wrong: 'hold.phase === "holding" && now - hold.sinceMs > 10_000 && isDue(hold, now)',
    kinds: ["crash", "moveVip"],
  },
  {
    name: "new holder announces once",
    breaks: "clients whose entry was new when they heard it go on sending to the old holder",
    file: ANNOUNCEMENTS,
    right: "ANNOUNCE_MS.some((offsetMs) => isNew(fromMs + offsetMs))",
    wrong: "isNew(fromMs)",
    kinds: ["crash", "moveVip", "kill", "restart"],
  },
  {
    name: "announcements put off by new ones",
    breaks: "while nodes come and go, neighbours that took no news at first do not get it",
    file: ANNOUNCEMENTS,
    right: "[...running, now]",
    wrong: "[now]",
    plan: "announced_anew_meanwhile",
  },
  {
    name: "removed VIP kept",
    breaks: "a VIP that operators removed stays where it was",
    file: TICK,
    right: "  for (const vip of state.holds.keys()) {\n    if (state.vips.includes(vip)) continue;",
    wrong: "  for (const vip of state.holds.keys()) {\n    if (vip.length > 0) continue;",
    kinds: ["addService"],
  },
  {
    name: "refused address never tried again",
    breaks: "a node whose kernel refused a VIP once is unfit for ever",
    file: TICK,
    right: "    if (now < untilMs) continue;",
    wrong: "    if (untilMs > 0) continue;",
    kinds: ["refused", "refusedOnce", "crash"],
  },
  {
    name: "claims in pulses not noted",
    breaks: "nobody learns from pulses who holds a VIP",
    file: PEERS,
    right: "  life.claims = pulse.claims;",
    wrong: "",
    kinds: ["partition", "crash", "unplug"],
  },
  {
    name: "epochs of others not noted",
    breaks:
      "a new claim is no higher than the one before it, so an order to move the VIP is not spent",
    file: PEERS,
    right: "  state.epochs.set(vip, epoch);",
    wrong: "",
    kinds: ["moveVip", "crash"],
  },
  {
    name: "new run of a peer not met",
    breaks: "a node that starts again is taken for its earlier run",
    file: PEERS,
    right: "  if (pulse.boot > peer.life.boot) meetNewRun(state, peer, { boot: pulse.boot, now });",
    wrong: "",
    kinds: ["kill", "crash", "restart"],
  },
  {
    name: "missing socket ignored",
    breaks: "a server whose daemon died gets connections until a check fails",
    file: STEP,
    right: "  const same = deaf.size === state.deaf.size &&",
    wrong: "  const same = deaf.size >= 0 ||",
    kinds: ["webServer"],
  },
  {
    name: "servers forgotten with the run",
    breaks: "clients are refused while an agent that was killed starts again",
    file: "src/core/pool/inherited.ts",
    right: "isUntold(server) && isInherited(state, service, server)",
    wrong: "false",
    kinds: ["kill", "restart"],
  },
  {
    name: "death noticed late",
    breaks: "nobody answers for a VIP for seconds after its holder has died",
    file: LIVENESS,
    right: "return Math.max(self.deadMs, MISSED_PULSES_MAX * life.promisedMs);",
    wrong: "return Math.max(self.deadMs, 10 * MISSED_PULSES_MAX * life.promisedMs);",
    kinds: ["crash"],
  },
  {
    name: "silence never means death",
    breaks: "a dead holder is waited for for ever",
    file: LIVENESS,
    right: "  if (silentMs >= deadMs || stillDead) {",
    wrong: "  if (stillDead) {",
    kinds: ["crash", "kill"],
  },
  {
    name: "dead peer alive after a pause",
    breaks: "a node that was paused gives new connections to one that died before",
    file: LIVENESS,
    right: "const stillDead = life.diedMs > Math.max(life.heardMs, life.metMs);",
    wrong: "const stillDead = false;",
    kinds: ["pause", "suspend", "crash"],
  },
];

/** See the head of this file. */
export const holderMistakes: readonly Mistake[] = [...claims, ...facts];
