/** Rows of checks of name servers and of other daemons that speak UDP. */
import { dnsmasq } from "../launchers/dnsmasq.ts";
import { named } from "../launchers/named.ts";
import type { Row } from "../row.ts";

/** A question for the name server's own name, as bytes of a datagram: id 0x1234, recursion desired (RFC 1035, 4.1). */
const QUESTION = [
  "\\x12\\x34\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00",
  "\\x03www\\x07example\\x03org\\x00\\x00\\x01\\x00\\x01",
].join("");

/** See the file's head. */
export const nameRows: readonly Row[] = [
  {
    name: "dns",
    launcher: named,
    port: "dns",
    transport: "udp",
    check: { kind: "dns", name: "www.example.org", type: "A", expect: "^192\\.0\\.2\\.21$" },
    changes: { "wrong answer": { expect: "^192\\.0\\.2\\.22$" } },
    words: { "cut off": /(not a DNS message)/, "wrong answer": /(no answer matches)/ },
  },
  {
    name: "dns tcp",
    launcher: named,
    port: "dns",
    check: {
      kind: "dns",
      transport: "tcp",
      name: "www.example.org",
      type: "A",
      expect: "^192\\.0\\.2\\.21$",
    },
    changes: { "wrong answer": { expect: "^192\\.0\\.2\\.22$" } },
    words: { "wrong answer": /(no answer matches)/, garbage: /(not a DNS message|another id)/ },
  },
  {
    name: "udp",
    launcher: dnsmasq,
    port: "dns",
    transport: "udp",
    check: { kind: "udp", send: QUESTION, expect: "example" },
    changes: { "wrong answer": { expect: "no such text" } },
    words: { garbage: /(lacks)/, flood: /(lacks)/, "cut off": "up" },
  },
];
