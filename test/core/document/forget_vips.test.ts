/** What is kept for VIPs ends with them. */
import { describe, expect, test } from "bun:test";
import { EMPTY_DOCUMENT } from "../../../src/core/document/document.ts";
import { EPOCHS_MAX } from "../../../src/core/document/forget_vips.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import type { State } from "../../../src/core/state.ts";
import { step } from "../../../src/core/step.ts";
import { holding, modelNode, NOW, service, viewOf, VIP } from "../../support/cluster_views.ts";

/** A document with one service for each of the VIPs. */
function documentWith(vips: readonly string[]) {
  const services = vips.map((address) => service({ address }));
  return {
    ...EMPTY_DOCUMENT,
    services: new Map(services.map((made) => [serviceKey(made), made])),
  };
}

function stateOf(holder: 1 | 2): State {
  const model = [1, 2].map((index) =>
    modelNode(index, index === holder ? { holds: holding(3) } : {})
  );
  return viewOf(model, 1, { services: [service()] });
}

const gone = Array.from(
  { length: 2 * EPOCHS_MAX },
  (_, index) => `10.9.${Math.floor(index / 200)}.${1 + index % 200}`,
);

describe("VIPs that are gone", () => {
  test("leave no reasons, failbacks, refusals or questions behind", () => {
    const state = stateOf(2);
    for (const vip of [VIP, gone[0]!]) {
      state.reasons.set(vip, "n2 holds it");
      state.failbacks.set(vip, { to: "x", sinceMs: NOW, near: false });
      state.refused.set(vip, { reason: "EPERM", untilMs: NOW + 1_000 });
    }
    step(state, { kind: "document", document: documentWith([VIP]) }, NOW);
    for (const kept of [state.reasons, state.failbacks, state.refused]) {
      expect([...kept.keys()]).toEqual([VIP]);
    }
  });

  test("keep their reason while they are still held here", () => {
    const state = stateOf(1);
    state.reasons.set(VIP, "n1 is alive with epoch 3");
    step(state, { kind: "document", document: documentWith([]) }, NOW);
    expect(state.reasons.has(VIP)).toBe(true);
  });

  test("keep their epochs for a while, but not without end; those in use stay", () => {
    const state = stateOf(2);
    state.epochs.set(VIP, 3);
    for (const vip of gone) state.epochs.set(vip, 7);
    const present = gone[0]!;
    step(state, { kind: "document", document: documentWith([present]) }, NOW);
    expect(state.epochs.size).toBe(EPOCHS_MAX);
    expect(state.epochs.get(present)).toBe(7);
    // Not in the document any more, but another node still claims it.
    expect(state.epochs.get(VIP)).toBe(3);
    // The youngest are the ones that are kept.
    expect(state.epochs.has(gone.at(-1)!)).toBe(true);
    expect(state.epochs.has(gone[1]!)).toBe(false);
  });
});
