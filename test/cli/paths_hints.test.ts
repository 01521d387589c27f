import { expect, test } from "bun:test";
import { pathsHints } from "../../src/cli/paths_hints.ts";
import type { Status } from "../../src/core/status/status.ts";
import { fakeNode } from "../http/fake_status.ts";

function hints(change: Partial<Pick<Status, "nodes" | "quorum">>): string[] {
  const nodes = [fakeNode("n1", "192.0.2.1"), fakeNode("n2", "192.0.2.2")];
  return pathsHints({ node: "n1", nodes, quorum: null, ...change } as Status);
}

test("nothing is said while all is well", () => {
  expect(hints({})).toEqual([]);
  expect(hints({ quorum: { members: 3, heard: 2, majority: true } })).toEqual([]);
});

test("a silent witness is told of: in words of its own node, with the way to them of another", () => {
  const silent = {
    witness: "silent",
    witnessReason: "192.0.2.254 is silent for 9 s; nothing moves",
  } as const;
  expect(hints({ nodes: [fakeNode("n1", "192.0.2.1", silent)] })).toEqual([
    "gateway witness: 192.0.2.254 is silent for 9 s; nothing moves",
  ]);
  expect(hints({ nodes: [fakeNode("n2", "192.0.2.2", { witness: "silent" })] })).toEqual([
    "the gateway witness of n2 does not answer it; `troop status` there says more",
  ]);
});

test("a lost majority, and one that two nodes cannot lose a node of, are told of", () => {
  expect(hints({ quorum: { members: 3, heard: 1, majority: false } })).toEqual([
    "no majority: n1 hears 1 of 3 nodes, itself included, and holds nothing; remove nodes that are gone for good " +
    "with `troop forget NODE`",
  ]);
  expect(hints({ quorum: { members: 2, heard: 2, majority: true } })).toEqual([
    expect.stringContaining("the cluster has 2 nodes: one dead node stops every service"),
  ]);
});
