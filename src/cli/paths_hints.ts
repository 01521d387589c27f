/**
 * What a person should know of gateway witnesses and of the majority.
 */
import type { Status } from "../core/status/status.ts";

/** Members below which one dead node ends a majority; see core/cluster/quorum.ts. */
const MEMBERS_MIN = 3;

/** Hints, in words; empty when all is well. */
export function pathsHints({ node, nodes, quorum }: Status): string[] {
  return [
    ...nodes.filter(({ witness, state }) => witness === "silent" && state === "alive")
      .map(({ name, witnessReason }) =>
        name === node
          ? `gateway witness: ${witnessReason}`
          : `the gateway witness of ${name} does not answer it; \`troop status\` there says more`
      ),
    ...(quorum === null || quorum.majority ? [] : [
      `no majority: ${node} hears ${quorum.heard} of ${quorum.members} nodes, itself included, and holds ` +
      "nothing; remove nodes that are gone for good with `troop forget NODE`",
    ]),
    ...(quorum === null || !quorum.majority || quorum.members >= MEMBERS_MIN ? [] : [
      `quorum is majority, and the cluster has ${quorum.members} nodes: one dead node stops every service; ` +
      "add a node, or run `troop settings set quorum off`",
    ]),
  ];
}
