/**
 * Mistakes in what is asked beside the peers: the gateway witness, a majority; and in what clients get when no server is left.
 */
import type { Mistake } from "./mistake.ts";

const WITNESS = "src/core/cluster/gateway_witness.ts";
const CANDIDATES = "src/core/cluster/candidates.ts";
const QUORUM = "src/core/cluster/quorum.ts";
const JUDGEMENT = "src/core/pool/pool_judgement.ts";

/** See the head of this file. */
export const adviceMistakes: readonly Mistake[] = [
  {
    name: "cut off from everybody, and not noticed",
    breaks: "a node that hears neither its gateway nor any other goes on",
    file: WITNESS,
    right: 'return gateway.backMs === null && fellSilentTogether(state) ? "alone" : null;',
    wrong: "return null;",
    kinds: ["unplug", "deafOrMute"],
  },
  {
    name: "public network lost, and not noticed",
    breaks: "a VIP stays on a node that nobody outside reaches",
    file: WITNESS,
    right: 'return now - gateway.contrastMs >= GATEWAY_COMPARE_MS ? "cut" : before;',
    wrong: "return before;",
    kinds: ["gatewaySilent", "partition"],
  },
  {
    name: "silent witness an obstacle to others only",
    breaks: "a node takes a VIP beside one that takes it for cut off",
    file: CANDIDATES,
    right: 'able.filter(({ witness }) => !isAnswered || witness !== "silent")',
    wrong:
      'able.filter(({ witness, id }) => !isAnswered || witness !== "silent" || id === state.self.id)',
    plan: "silent_witness_beside_an_answered_one",
  },
  {
    name: "silent witness always an obstacle",
    breaks: "the last node with a witness leaves without handing over",
    file: CANDIDATES,
    right: '!isAnswered || witness !== "silent"',
    wrong: 'witness !== "silent"',
    plan: "last_with_a_witness_leaves",
  },
  {
    name: "minority holds",
    breaks: "a part without a majority holds a VIP",
    file: QUORUM,
    right: "2 * quorum.heard > quorum.members) return null;",
    wrong: "quorum.heard > 0) return null;",
    kinds: ["partition", "unplug"],
  },
  {
    name: "silent ones not asked",
    breaks:
      "the majority waits for a node that was cut off with the holder until the slow beat lets it die",
    file: QUORUM,
    right: "state.quorum?.wanting === true && askSilent(state, now)",
    wrong: "false",
    plan: "minority_with_company",
  },
  {
    name: "majority does not wait",
    breaks: "a majority claims before the lease of a holder that is not heard has ended",
    file: QUORUM,
    right: "  if (state.quorum === null) return 0;",
    wrong: "  if (vip.length > 0) return 0;",
    kinds: ["partition", "unplug", "pause"],
  },
  {
    name: "fallback never serves",
    breaks: "clients are refused though there is a fallback",
    file: JUDGEMENT,
    right: 'if (server !== null && service.whenAllFail !== "nothing") {',
    wrong: 'if (server === null && service.whenAllFail !== "nothing") {',
    kinds: ["everyServer"],
  },
  {
    name: "fallback serves though nothing is to",
    breaks: "clients get a fallback that is not to be used",
    file: JUDGEMENT,
    right: 'if (server !== null && service.whenAllFail !== "nothing") {',
    wrong: "if (server !== null) {",
    kinds: ["everyServer"],
  },
];
