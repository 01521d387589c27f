/** Rows of checks that run something of the operator's. */
import { nginx } from "../launchers/nginx.ts";
import { PAGE_TEXT } from "../launchers/page.ts";
import type { Row } from "../row.ts";

/** ldirectord's four arguments follow: address and port of the service, then of the server. */
const script = (text: string): string[] => [
  "/bin/sh",
  "-c",
  `curl --silent --show-error --fail "http://$3:$4/" | grep -q "${text}"`,
  "check",
];

/** See the file's head. */
export const ownRows: readonly Row[] = [
  {
    name: "external",
    launcher: nginx,
    port: "http",
    check: { kind: "external", command: script(PAGE_TEXT) },
    changes: { "wrong answer": { command: script("no such text") } },
    words: {
      killed: /(status 1)/,
      "port closed": /(status 1)/,
      reset: /(status 1)/,
      "cut off": /(status 1)/,
      garbage: /(status 1)/,
      flood: /(status 1)/,
      "wrong answer": /(status 1)/,
    },
    floodHead: "HTTP/1.1 200 OK\r\nX-A: ",
  },
];
