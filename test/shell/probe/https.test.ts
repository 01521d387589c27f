/** HTTPS probes: what certificate is believed, and what is said when it is not. */
import { describe, expect, test } from "bun:test";
import { certificates } from "../../support/certificates.ts";
import { probeOnce, reply } from "./http_probe.ts";
import { answer, answerAndStall, serve, targetAt } from "./scripted_server.ts";

describe("probeHttp over TLS judges", () => {
  const name = "www.example.org";
  const tlsCases: [
    what: string,
    certificate: string,
    host: string | null,
    reason: string | RegExp,
  ][] = [
    ["a certificate for the host", "good", name, /^200 in/],
    ["a certificate for the address, when no host is given", "good", null, /^200 in/],
    ["a certificate for another host", "other", name, `certificate is not for ${name}`],
    [
      "no host and a certificate without the address",
      "other",
      null,
      "certificate is not for 127.0.0.1 (name the host in the check)",
    ],
    ["a certificate for the address given as host", "vip", "192.0.2.240", /^200 in/],
    [
      "a certificate for another address than the host",
      "good",
      "192.0.2.240",
      "certificate is not for 192.0.2.240",
    ],
    ["a certificate that has run out", "expired", name, "certificate has expired"],
    [
      "a self-signed certificate",
      "selfsigned",
      name,
      "certificate is self-signed and not trusted by this node",
    ],
    [
      "an unknown authority",
      "stranger",
      name,
      "certificate is signed by an authority this node does not trust",
    ],
  ];
  test.each(tlsCases)("%s", async (_what, certificate, host, reason) => {
    const { authority, pairs } = await certificates();
    const pair = pairs[certificate];
    if (pair === undefined) throw new Error(`no certificate "${certificate}"`);
    using server = await serve(answer(reply("hello")), { tls: pair });
    const target = targetAt(server.port, { kind: "https", host, timeoutMs: 2_000 });
    const result = await probeOnce(target, { authority });
    expect(result?.reason).toMatch(
      typeof reason === "string" ? RegExp(`^${RegExp.escape(reason)}$`) : reason,
    );
    expect(result?.ok).toBe(typeof reason !== "string");
  });

  test("a server that speaks plain HTTP", async () => {
    using server = await serve(answer(reply("hello")));
    const result = await probeOnce(targetAt(server.port, { kind: "https", host: name }));
    expect(result).toMatchObject({ ok: false, reason: "does not speak TLS" });
  });

  test("a server that never answers the handshake", async () => {
    using server = await serve(() => {});
    const result = await probeOnce(targetAt(server.port, { kind: "https", host: name }));
    expect(result).toMatchObject({
      ok: false,
      reason: "timed out after 300 ms during the TLS handshake",
    });
  });

  test("a body that stalls", async () => {
    const { authority, pairs } = await certificates();
    using server = await serve(
      answerAndStall("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
      { tls: pairs.good! },
    );
    const result = await probeOnce(targetAt(server.port, { kind: "https", host: name }), {
      authority,
    });
    expect(result).toMatchObject({
      ok: false,
      reason: "timed out after 300 ms while waiting for the body",
    });
  });
});
