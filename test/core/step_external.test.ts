/**
 * What probes of machines without an agent change.
 */
import { describe, expect, test } from "bun:test";
import { serverKey } from "../../src/core/service/server.ts";
import { serviceKey } from "../../src/core/service/service.ts";
import { type ProbeFact, step } from "../../src/core/step.ts";
import {
  documentOf,
  idOf,
  machine,
  modelNode,
  NOW,
  serverEntry,
  service,
  viewOf,
} from "../support/cluster_views.ts";
import { touched } from "../support/touched.ts";

const SERVICE = service();
const ENTRY = serverEntry(machine(21));
const SERVER = serverKey(ENTRY);
const SHARED = { services: [SERVICE], servers: [ENTRY] };

function probe(ok: boolean, fields: Partial<ProbeFact> = {}): ProbeFact {
  return {
    kind: "probe",
    node: null,
    server: SERVER,
    key: serviceKey(SERVICE),
    check: SERVICE.check,
    result: { ok, reason: ok ? "200" : "timed out", tookMs: 1 },
    wallMs: NOW,
    ...fields,
  };
}

describe("a probe of a machine without an agent", () => {
  test("changes the table when its verdict changes, and nobody's record", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    expect(touched(state, probe(true))).toBe("table");
    expect(state.external.get(SERVER)).toMatchObject({ up: true, reason: "200" });
    expect(touched(state, probe(true))).toBe("");
    for (let failure = 1; failure < SERVICE.check.fall; failure++) {
      expect(touched(state, probe(false))).toBe("");
    }
    expect(touched(state, probe(false))).toBe("table");
    expect(state.external.get(SERVER)?.up).toBe(false);
  });

  test("says nothing of this node's own server, nor of a peer's", () => {
    const state = viewOf([modelNode(1), modelNode(2)], 1, SHARED);
    const before = state.own.get(serviceKey(SERVICE));
    for (let turn = 0; turn < 3; turn++) step(state, probe(false), NOW);
    expect(state.own.get(serviceKey(SERVICE))).toBe(before as NonNullable<typeof before>);
    expect(state.peers.get(idOf(2))?.reached.size).toBe(0);
  });

  test("counts although nothing listens on this machine itself", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    state.deaf.set(serviceKey(SERVICE), "nothing listens");
    expect(touched(state, probe(true))).toBe("table");
  });

  test("that is not entered any more is forgotten", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    step(state, probe(true), NOW);
    step(state, { kind: "document", document: documentOf({ services: [SERVICE] }) }, NOW);
    expect(state.external.size).toBe(0);
    expect(touched(state, probe(true))).toBe("");
    expect(state.external.size).toBe(0);
  });

  test("is kept when something else is said of it", () => {
    const state = viewOf([modelNode(1)], 1, SHARED);
    step(state, probe(true), NOW);
    const servers = [{ ...ENTRY, weight: 0 }];
    step(state, { kind: "document", document: documentOf({ ...SHARED, servers }) }, NOW);
    expect(state.external.get(SERVER)?.up).toBe(true);
  });
});
