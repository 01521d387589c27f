import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { drainKey } from "../../../src/core/document/drain.ts";
import {
  type Flap,
  FLAP_CALM_MS,
  FLAP_DOWNS_MAX,
  FLAP_HOLD_MS_MAX,
  FLAP_HOLD_MS_MIN,
  FLAP_WINDOW_MS,
  heldWords,
  isHeld,
  noteDown,
} from "../../../src/core/pool/flap.ts";
import { poolOf } from "../../../src/core/pool/pool.ts";
import { serviceKey } from "../../../src/core/service/service.ts";
import { holdsEnd } from "../../../src/core/pool/server_verdict.ts";
import { type Fact, step } from "../../../src/core/step.ts";
import {
  drain,
  holding,
  idOf,
  modelNode,
  NOW,
  service,
  viewOf,
} from "../../support/cluster_views.ts";

/** What is remembered of a server that goes down at these moments. */
function after(...downs: readonly number[]): Flap {
  return downs.reduce<Flap | undefined>((flap, ms) => noteDown(flap, ms), undefined) as Flap;
}

/** A server that goes down this often, a second apart. */
function often(count: number, fromMs = 0): number[] {
  return Array.from({ length: count }, (_, index) => fromMs + index * 1_000);
}

describe("noteDown", () => {
  test("holds a server down that went down once too often, and no other", () => {
    const last = FLAP_DOWNS_MAX * 1_000;
    expect(isHeld(after(...often(FLAP_DOWNS_MAX)), last)).toBe(false);
    const flap = after(...often(FLAP_DOWNS_MAX + 1));
    expect(isHeld(flap, last)).toBe(true);
    expect(isHeld(flap, last + FLAP_HOLD_MS_MIN)).toBe(false);
    expect(heldWords(flap, last)).toStartWith("held down for 10 s more: went down 5 times in 60 s");
  });

  test("does not count what is long ago", () => {
    const slow = Array.from({ length: 50 }, (_, n) => n * FLAP_WINDOW_MS / FLAP_DOWNS_MAX);
    expect(after(...slow).holds).toBe(0);
  });

  test("holds longer each time, up to a limit", () => {
    let flap = after(...often(FLAP_DOWNS_MAX + 1));
    const lengths: number[] = [];
    for (let round = 0; round < 8; round++) {
      const at = Math.max(flap.untilMs, flap.lastMs) + 1_000;
      flap = noteDown(noteDown(flap, at), at + 1_000);
      lengths.push(flap.untilMs - at - 1_000);
    }
    expect(lengths).toEqual([20, 40, 80, 160, 300, 300, 300, 300].map((s) => s * 1_000));
  });

  test("forgets everything after a calm time", () => {
    const flap = after(...often(FLAP_DOWNS_MAX + 1));
    expect(noteDown(flap, flap.lastMs + FLAP_CALM_MS - 1).holds).toBe(1);
    expect(noteDown(flap, flap.lastMs + FLAP_CALM_MS).holds).toBe(0);
  });

  test("whatever happens, memory and hold are bounded, and a server that stays up returns", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1 }), (gaps) => {
        let now = 0;
        let flap: Flap | undefined;
        for (const gap of gaps) {
          now += gap;
          flap = noteDown(flap, now);
          expect(flap.downsMs.length).toBeLessThanOrEqual(FLAP_DOWNS_MAX);
          expect(flap.untilMs - now).toBeLessThanOrEqual(FLAP_HOLD_MS_MAX);
        }
        expect(isHeld(flap, now + FLAP_HOLD_MS_MAX)).toBe(false);
      }),
    );
  });
});

describe("a server that goes down again and again", () => {
  const SERVICE = service();
  const KEY = serviceKey(SERVICE);

  function flapping(shared: Partial<Parameters<typeof viewOf>[2]> = {}) {
    const model = [modelNode(1, { holds: holding(1) }), modelNode(2)];
    const state = viewOf(model, 1, { services: [SERVICE], ...shared });
    const check = { ...SERVICE.check, fall: 1, rise: 1 };
    const probe = (ok: boolean, ms: number): Fact => ({
      kind: "probe",
      node: idOf(2),
      key: KEY,
      check,
      result: { ok, reason: ok ? "200" : "refused", tookMs: 1 },
      wallMs: ms,
    });
    let now = NOW;
    for (let turn = 0; turn <= FLAP_DOWNS_MAX; turn++) {
      step(state, probe(true, now), now);
      now += 500;
      step(state, probe(false, now), now);
      now += 500;
    }
    step(state, probe(true, now), now);
    state.lastTickMs = now;
    return { state, now };
  }

  const n2 = (state: ReturnType<typeof viewOf>) =>
    poolOf(state, SERVICE).find(({ name }) => name === "n2");

  test("stays down although it works, and says why", () => {
    const { state, now } = flapping();
    expect(n2(state)).toMatchObject({ up: false, held: true, failed: false });
    expect(n2(state)?.reason).toContain("held down for");
    expect(holdsEnd(state, now, now + FLAP_HOLD_MS_MIN)).toBe(true);
    state.lastTickMs = now + FLAP_HOLD_MS_MIN;
    expect(n2(state)?.up).toBe(true);
  });

  test("serves when nobody else is left", () => {
    const { state } = flapping();
    state.own.clear();
    expect(n2(state)).toMatchObject({ up: true, held: false });
    expect(n2(state)?.reason).toStartWith("nobody else is left; ");
  });

  test("is let alone where damping is off", () => {
    expect(n2(flapping({ settings: { "flap-damping": "off" } }).state)?.up).toBe(true);
  });

  test.each([
    ["of this node", drain({ node: idOf(2) }, { on: false }), true],
    ["of this service", drain({ node: idOf(2) }, { on: false, service: KEY }), true],
    ["of another node", drain({ node: idOf(1) }, { on: false }), false],
    ["of another service", drain({ node: idOf(2) }, { on: false, service: "tcp/1" }), false],
  ])("returns by an undrain %s", (_, entry, up) => {
    const { state, now } = flapping();
    const document = { ...state.document, drains: new Map([[drainKey(entry), entry]]) };
    step(state, { kind: "document", document }, now);
    expect(n2(state)?.up).toBe(up);
  });

  test("returns by another check", () => {
    const { state, now } = flapping();
    const other = { ...SERVICE, check: { ...SERVICE.check, rise: 2 } };
    const document = { ...state.document, services: new Map([[KEY, other]]) };
    step(state, { kind: "document", document }, now);
    expect(n2(state)?.up).toBe(true);
    expect(state.flaps.size).toBe(0);
  });
});
