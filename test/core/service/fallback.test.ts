import { describe, expect, test } from "bun:test";
import {
  type Fallback,
  fallbackProblem,
  fallbackSchema,
  formatFallback,
  parseFallback,
} from "../../../src/core/service/fallback.ts";
import { markService, service } from "../../support/cluster_views.ts";

const NAT = { address: "192.0.2.9", port: 8_080, forwarding: "nat", tunnel: null } as const;

describe("parseFallback", () => {
  test.each<[string, Fallback]>([
    ["none", "none"],
    ["sorry", "sorry"],
    ["192.0.2.9", { ...NAT, port: null, forwarding: "dr" }],
    ["192.0.2.9:8080,nat", NAT],
    ["192.0.2.9,tunnel", {
      ...NAT,
      port: null,
      forwarding: "tunnel",
      tunnel: { kind: "ipip", port: 0, checksum: "none" },
    }],
    ["[2001:db8::9]:80,gue:6080,csum", {
      address: "2001:db8::9",
      port: 80,
      forwarding: "tunnel",
      tunnel: { kind: "gue", port: 6_080, checksum: "csum" },
    }],
  ])("%s", (text, expected) => {
    expect(parseFallback(text)).toEqual(expected);
    expect(fallbackSchema.parse(expected)).toEqual(expected);
    expect(parseFallback(formatFallback(expected))).toEqual(expected);
  });

  test.each(["", "sorry,nat", "host:80", "192.0.2.9:80,ftp", "192.0.2.9:80,nat,dr"])(
    "refuses %p in words",
    (text) => {
      expect(fallbackSchema.safeParse(parseFallback(text)).success).toBe(false);
      expect(parseFallback(text)).toContain("write");
    },
  );
});

describe("fallbackProblem", () => {
  test.each<[string, Fallback, string | null]>([
    ["a server with the service's own port", { ...NAT, port: null, forwarding: "dr" }, null],
    ["another port by nat", NAT, null],
    ["another port by direct routing", { ...NAT, forwarding: "dr" }, "cannot change the port"],
    ["the other family", { ...NAT, address: "2001:db8::9" }, "no IPv4 address"],
    ["the page", "sorry", null],
  ])("%s", (_, fallback, problem) => {
    const found = fallbackProblem(service(), fallback);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });

  test("troop's page needs TCP and a port", () => {
    expect(fallbackProblem(service({ protocol: "udp" }), "sorry")).toContain("for TCP");
    expect(fallbackProblem(service({ port: 0 }), "sorry")).toContain("for TCP");
    expect(fallbackProblem(markService(), "sorry")).toContain("for TCP");
  });
});
