/** A wrong way is noticed, whichever packet took it. */
import { describe, expect, test } from "bun:test";
import { Host } from "./host.ts";
import { type PathPromise, wrongPaths } from "./path.ts";
import type { WirePacket, Wrapping } from "./wire.ts";

const host = (name: string, number: number) =>
  new Host({ name, number, networks: ["public"], folder: "" });
const [client, director, server] = [host("client", 2), host("d1", 4), host("s1", 21)];
const vip = "192.168.6.240";
const direct: PathPromise = {
  vip,
  director,
  servers: [server],
  forwarded: "ipip",
  replies: "servers",
};
const translated: PathPromise = { ...direct, forwarded: null, replies: "director" };

function packet(from: Host, to: Host, wrapping: Wrapping = "none", reply = false): WirePacket {
  const ends = reply ? [vip, client.address] as const : [client.address, vip] as const;
  const inner = { source: ends[0], target: ends[1], protocol: 6, sourcePort: 1, targetPort: 2 };
  const outer = wrapping === "none"
    ? inner
    : { ...inner, source: director.address, target: server.address, protocol: 4 };
  const macs = { sourceMac: from.macOn("public"), targetMac: to.macOn("public") };
  return { at: 0, ...macs, wrapping, outer, inner };
}

const request = packet(client, director);
const onward = packet(director, server, "ipip");
const reply = packet(server, client, "none", true);
const viaDirector = packet(director, client, "none", true);

describe("wrongPaths", () => {
  test("finds nothing when all packets went as promised", () => {
    expect(wrongPaths([request, onward, reply], direct)).toEqual([]);
    expect(wrongPaths([request, viaDirector], translated)).toEqual([]);
  });

  test.each([
    ["nothing was seen", [], direct],
    ["no reply", [request, onward], direct],
    ["nothing forwarded", [request, reply], direct],
    ["past the director", [request, packet(client, server), onward, reply], direct],
    ["not wrapped", [request, onward, packet(director, server), reply], direct],
    [
      "wrapped by another method",
      [request, onward, packet(director, server, "gre"), reply],
      direct,
    ],
    [
      "forwarded to somebody else",
      [request, onward, packet(director, client, "ipip"), reply],
      direct,
    ],
    ["reply through the director", [request, onward, reply, viaDirector], direct],
    ["reply past the director", [request, viaDirector, reply], translated],
    ["forwarded on the same network", [request, onward, viaDirector], translated],
  ])("notices: %s", (_what, packets, promise) => {
    expect(wrongPaths(packets, promise)).not.toEqual([]);
  });
});
