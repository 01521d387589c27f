/** How long a leaving node waits for its successors. */
import { expect, test } from "bun:test";
import { decideOwnership } from "../../../src/core/cluster/ownership.ts";
import { LEAVE_WAIT_MS, LEAVE_WAIT_MS_MAX } from "../../../src/core/timing.ts";
import { holding, modelNode, NOW, service, viewOf, VIP } from "../../support/cluster_views.ts";

test("each successor has its time, but all together no more than the most", () => {
  const model = [modelNode(1, { holds: holding(1), phase: "leaving" }), modelNode(2)];
  const state = viewOf(model, 1, { services: [service()] });
  const hold = state.holds.get(VIP)!;
  hold.funnelMs = NOW + LEAVE_WAIT_MS - 1;
  expect(decideOwnership(state, VIP, NOW + LEAVE_WAIT_MS).act).toBe("hold");
  hold.funnelMs = NOW + LEAVE_WAIT_MS_MAX - 1;
  expect(decideOwnership(state, VIP, NOW + LEAVE_WAIT_MS_MAX).act).toBe("release");
});
