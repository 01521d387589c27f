/** Rows of checks of web servers. */
import { nginx, PAGE_TEXT } from "../launchers/nginx.ts";
import type { Row } from "../row.ts";
import { CERTIFICATE_NAME } from "../server_certificates.ts";

const page = {
  launcher: nginx,
  changes: { "wrong answer": { expect: "no such text" } },
} as const;
const words = { "cut off": /(closed) before the end of the body/ };

/** See the file's head. */
export const webRows: readonly Row[] = [
  {
    ...page,
    name: "http",
    port: "http",
    check: { kind: "http", expect: PAGE_TEXT },
    words: { ...words, flood: /(first \d+ bytes of the body lack)/ },
    floodHead: "HTTP/1.1 200 OK\r\n\r\n",
  },
  {
    ...page,
    name: "http status",
    port: "http",
    check: { kind: "http" },
    changes: { "wrong answer": { path: "/busy" } },
    words: { ...words, "wrong answer": /(status 503)/ },
    floodHead: "HTTP/1.1 200 OK\r\nX-A: ",
  },
  {
    ...page,
    name: "https",
    port: "https",
    check: { kind: "https", host: CERTIFICATE_NAME, expect: PAGE_TEXT },
    secure: true,
  },
];
