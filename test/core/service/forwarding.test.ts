import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatTunnel,
  type Forwarding,
  forwardingProblem,
  parseTunnel,
  type Tunnel,
  tunnelSchema,
} from "../../../src/core/service/forwarding.ts";
import type { ServiceName } from "../../../src/core/service/service_name.ts";

describe("a tunnel's text", () => {
  const right: [text: string, tunnel: Tunnel, written: string][] = [
    ["ipip", { kind: "ipip", port: 0, checksum: "none" }, "ipip"],
    ["ipip,nocsum", { kind: "ipip", port: 0, checksum: "none" }, "ipip"],
    ["gue:6080", { kind: "gue", port: 6_080, checksum: "none" }, "gue:6080"],
    ["gue:6080,csum", { kind: "gue", port: 6_080, checksum: "csum" }, "gue:6080,csum"],
    ["gue:65535,remcsum", { kind: "gue", port: 65_535, checksum: "remcsum" }, "gue:65535,remcsum"],
    ["gre", { kind: "gre", port: 0, checksum: "none" }, "gre"],
    ["gre,csum", { kind: "gre", port: 0, checksum: "csum" }, "gre,csum"],
  ];
  test.each(right)("%j is read", (text, tunnel, written) => {
    expect(parseTunnel(text)).toEqual(tunnel);
    expect(formatTunnel(tunnel)).toBe(written);
  });

  const not = "is not a tunnel: write ipip, gue:PORT or gre, with ,csum, ,nocsum or ,remcsum";
  const port = "port must be given for gue, and for no other kind";
  const sums = "checksum csum is for gue and gre, remcsum for gue only";
  const wrong: [text: string, words: string][] = [
    ["", not],
    ["vxlan", not],
    ["GRE", not],
    ["gre,", not],
    ["gue:port", not],
    ["gue", port],
    ["gue:0", port],
    ["ipip:6080", port],
    ["gre:6080", port],
    ["ipip,csum", sums],
    ["gre,remcsum", sums],
    ["gue:65536", "port "],
  ];
  test.each(wrong)("%j is refused in words", (text, words) => {
    const problem = parseTunnel(text);
    expect(problem).toBeString();
    expect(problem as string).toStartWith(`"${text}"`);
    expect(problem as string).toContain(words);
  });

  test("is read as it was written", () => {
    const tunnel = fc.record({
      kind: fc.constantFrom("ipip" as const, "gue" as const, "gre" as const),
      port: fc.integer({ min: 0, max: 65_535 }),
      checksum: fc.constantFrom("none" as const, "csum" as const, "remcsum" as const),
    }).map((value) => ({ ...value, port: value.kind === "gue" ? value.port : 0 }))
      .filter((value) => tunnelSchema.safeParse(value).success);
    fc.assert(
      fc.property(tunnel, (value) => expect(parseTunnel(formatTunnel(value))).toEqual(value)),
    );
  });
});

describe("forwardingProblem", () => {
  const tcp: ServiceName = { address: "192.0.2.1", port: 80, protocol: "tcp" };
  const any: ServiceName = { ...tcp, port: 0 };
  const mark: ServiceName = { protocol: "fwm", family: 4, mark: 1 };
  const own = "the server must listen on 80, the service's own";
  const keeps = "keeps the client's port: leave the port out";
  const other = (address: string, family: number) =>
    `${address} is no IPv${family} address, as the service's VIP is`;
  const cases: [
    what: string,
    service: ServiceName,
    address: string,
    port: number,
    forwarding: Forwarding,
    words: string | null,
  ][] = [
    ["direct routing", tcp, "192.0.2.9", 80, "dr", null],
    ["a tunnel", tcp, "192.0.2.9", 80, "tunnel", null],
    ["NAT", tcp, "192.0.2.9", 80, "nat", null],
    ["NAT to another port", tcp, "192.0.2.9", 8_080, "nat", null],
    ["NAT to no port", tcp, "192.0.2.9", 0, "nat", "its port must be 1 to 65535"],
    [
      "direct routing to another port",
      tcp,
      "192.0.2.9",
      81,
      "dr",
      `direct routing cannot change the port: ${own}`,
    ],
    [
      "a tunnel to another port",
      tcp,
      "192.0.2.9",
      81,
      "tunnel",
      `a tunnel cannot change the port: ${own}`,
    ],
    ["the other family", tcp, "2001:db8::9", 80, "dr", other("2001:db8::9", 4)],
    [
      "NAT to the other family",
      { ...tcp, address: "2001:db8::1" },
      "192.0.2.9",
      80,
      "nat",
      other("192.0.2.9", 6),
    ],
    [
      "a tunnel to the other family",
      tcp,
      "2001:db8::9",
      80,
      "tunnel",
      "2001:db8::9 is no IPv4 address, and the kernel synchronizes no connections beside such a tunnel",
    ],
    ["every port", any, "192.0.2.9", 0, "nat", null],
    ["every port to one", any, "192.0.2.9", 80, "nat", `a service for every port ${keeps}`],
    ["a mark", mark, "192.0.2.9", 0, "dr", null],
    ["a mark to one port", mark, "192.0.2.9", 80, "nat", `a mark service ${keeps}`],
    [
      "a mark of the other family",
      { ...mark, family: 6 },
      "192.0.2.9",
      0,
      "dr",
      other("192.0.2.9", 6),
    ],
  ];
  test.each(cases)("%s", (_what, service, address, port, forwarding, words) => {
    expect(forwardingProblem(service, { address, port, forwarding })).toBe(words);
  });
});
