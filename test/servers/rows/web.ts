/** Rows of checks of web servers. */
import { apache } from "../launchers/apache.ts";
import { nginx } from "../launchers/nginx.ts";
import { PAGE_TEXT } from "../launchers/page.ts";
import type { Row } from "../row.ts";
import { CERTIFICATE_NAME } from "../server_certificates.ts";

const changes = { "wrong answer": { expect: "no such text" } };
const words = { "cut off": /(closed) before the end of the body/ };
const FLOOD = "HTTP/1.1 200 OK\r\n\r\n";

function pageOf(launcher: Row["launcher"]): Row {
  return {
    name: `http ${launcher.name}`,
    launcher,
    port: "http",
    check: { kind: "http", expect: PAGE_TEXT },
    changes,
    words: { ...words, flood: /(first \d+ bytes of the body lack)/ },
    floodHead: FLOOD,
  };
}

function securePageOf(launcher: Row["launcher"]): Row {
  return {
    name: `https ${launcher.name}`,
    launcher,
    port: "https",
    check: { kind: "https", host: CERTIFICATE_NAME, expect: PAGE_TEXT },
    changes,
    secure: true,
  };
}

/** See the file's head. */
export const webRows: readonly Row[] = [
  pageOf(nginx),
  pageOf(apache),
  {
    name: "http status",
    launcher: nginx,
    port: "http",
    check: { kind: "http" },
    changes: { "wrong answer": { path: "/busy" } },
    words: { ...words, "wrong answer": /(status 503)/ },
    floodHead: "HTTP/1.1 200 OK\r\nX-A: ",
  },
  securePageOf(nginx),
  securePageOf(apache),
  {
    ...securePageOf(nginx),
    name: "https 2",
    check: { kind: "https", version: "2", host: CERTIFICATE_NAME, expect: PAGE_TEXT },
  },
  {
    ...pageOf(apache),
    name: "http 2",
    check: { kind: "http", version: "2", expect: PAGE_TEXT },
    words: { flood: /(HTTP.2 failed)/ },
    floodHead: "",
  },
  {
    name: "tls",
    launcher: nginx,
    port: "https",
    check: { kind: "tls", serverName: CERTIFICATE_NAME },
    secure: true,
  },
];
