/**
 * Decoders of text: what people write, what the kernel shows under /proc, and what this node has noted.
 */
import { parseEndpoint, parseIp } from "../../src/core/address.ts";
import { nodeNames } from "../../src/core/file/names.ts";
import { readDocument } from "../../src/core/file/read.ts";
import { readYaml } from "../../src/cli/document_yaml.ts";
import { EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { readCapabilities } from "../../src/shell/process/privileges.ts";
import { parseAdvice } from "../../src/core/pool/advice.ts";
import { EXPECT_LENGTH_MAX } from "../../src/core/check/schema.ts";
import { parseCheck } from "../../src/core/check/text.ts";
import { parseDuration } from "../../src/core/duration.ts";
import { parseEventLine } from "../../src/core/event.ts";
import { parseFallback } from "../../src/core/service/fallback.ts";
import { parseTunnel } from "../../src/core/service/forwarding.ts";
import { parseLegacySave } from "../../src/core/service/mark_rules.ts";
import { parseServerRef } from "../../src/core/document/order.ts";
import { parseProcessorTime } from "../../src/core/processor_time.ts";
import { parsePortRange } from "../../src/core/service/service.ts";
import { parseServiceName } from "../../src/core/service/service_name.ts";
import { compilePattern } from "../../src/core/regex.ts";
import { parseConfig } from "../../src/shell/files/config_text.ts";
import { parseConnection } from "../../src/shell/kernel/connection_line.ts";
import { parseSocketFile } from "../../src/shell/kernel/proc_sockets.ts";
import { type Decoder, textDecoder } from "./decoder.ts";

const config = `cluster: web
name: n1
interface: eth0
address: 192.168.6.2
token: troop1-${"ab".repeat(32)}
join: [192.168.6.4]
heartbeat:
  - 10.0.0.2
port: 6940
http: 127.0.0.1:6941
hooks:
  - run: [/usr/local/bin/tell, "{text}"]
    on: [takeover]
`;
/** A document's file, with something in every section. */
const documentFile = `troop: 1
settings: { quorum: off }
vips:
  192.0.2.240: { prefer: [n1, n2], failback: true }
services:
  192.0.2.240:80:
    scheduler: rr
    forward: dr
    check: http://:80/index.html
    check-set: [expect=Test Page]
    servers: { 192.0.2.7:80: { weight: 3 } }
drains:
  - { node: n2, until: 2026-01-01 10:00:00, comment: disk }
`;
const names = nodeNames([
  { id: "00000000000000aa", name: "n1" },
  { id: "00000000000000bb", name: "n2" },
]);
const checks = [
  "http://:80/index.html expect='Test Page' interval=2s",
  "https://www.example.org:8443/ verify=no version=2",
  "chat://:7 send=PING\\r\\n expect-regex=^\\+PONG",
  "external:/usr/local/lib/check --fast user=nobody",
  "dns://:53/www.example.org type=A",
  "mysql://:3306/shop user=probe password=@/etc/troop/probe",
];

/** See the head of this file. */
export const textDecoders: readonly Decoder[] = [
  textDecoder("configuration", [config, "a: &x [*x]\n", "a: !!js/function x\n"], (text) => {
    const read = parseConfig(text);
    return Array.isArray(read) ? read : "a configuration";
    // Read once, before anything runs: the library takes half a second over 64 KiB of brackets.
  }, { bytesMax: 8_192, msMax: 1_000 }),
  textDecoder(
    "document's file",
    [documentFile, "troop: 1\nvips: &a [*a]\n", "troop: 2"],
    (text) => {
      const tree = readYaml(text);
      if (!("kind" in tree)) return tree.length;
      const read = readDocument(tree, { current: EMPTY_DOCUMENT, names, wallMs: 0 });
      return [read.mistakes.length, read.services.size, read.vips.size, read.servers.size];
      // By `troop apply`, in a process of its own.
    },
    { bytesMax: 8_192, msMax: 1_000 },
  ),
  textDecoder("check", checks, (text) => {
    const [url = "", ...settings] = text.split(" ");
    return parseCheck(url, settings);
  }),
  textDecoder(
    "address",
    ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80"],
    (text) => [parseIp(text), parseEndpoint(text)],
  ),
  textDecoder(
    "service, server, tunnel, fallback",
    ["192.0.2.1:80/udp", "fwmark:7", "[::1]:0/sctp", "tcp/80-90", "gue:6080", "page:Sorry", "n2"],
    (text) => [
      parseServiceName(text),
      parseServerRef(text),
      parsePortRange(text),
      parseTunnel(text),
      parseFallback(text),
      parseDuration(text),
    ],
  ),
  textDecoder(
    "expression",
    ["^a(b|c)*d{2,7}$", "(?i)[[:alpha:]]+\\p{Greek}"],
    // Longer ones are refused before.
    (text) => compilePattern(text.slice(0, EXPECT_LENGTH_MAX)),
    { msMax: 100 },
  ),
  textDecoder("advice", ["75% # busy", "weight:5 up", "maint", "down # why"], parseAdvice),
  textDecoder(
    "/proc/net/ip_vs_conn",
    [
      "TCP CB007107 C8A4 C000020A 0050 0A010001 1F90 ESTABLISHED     899",
      "UDP CB007107 13C4 C000020A 13C4 0A010001 13C4 UDP             299 sip 4711@203.0.113.7",
    ],
    parseConnection,
  ),
  textDecoder(
    "/proc/net/tcp",
    [
      "  sl  local_address\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:0 0 0 1\n",
      "   1: 00000000000000000000000001000000:0050 0:0 07 0:0 0:0\n",
    ],
    (text) => [parseSocketFile(text, "tcp"), parseSocketFile(text, "udp6")],
  ),
  textDecoder(
    "/proc/self/status",
    ["CapPrm:\t0000000000003000\nCapEff:\t0000000000003000\n", "CapEff:\tg\n"],
    (text) => {
      const { effective, permitted } = readCapabilities(text);
      return [String(effective), String(permitted)];
    },
  ),
  textDecoder("/proc/stat", ["cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 2 3 4\n"], parseProcessorTime),
  textDecoder(
    "iptables-legacy-save",
    [
      '*mangle\n:TROOP - [0:0]\n-A PREROUTING -m comment --comment "troop" -j TROOP\n' +
      "-A TROOP -d 192.0.2.1 -p tcp -m tcp --dport 80 -j MARK --set-mark 1\nCOMMIT\n",
    ],
    parseLegacySave,
  ),
  textDecoder(
    "event log",
    ['{"time":1,"kind":"takeover","level":"info","text":"x","fields":{}}'],
    parseEventLine,
  ),
];
