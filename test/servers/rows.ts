/**
 * The rows of the table: every kind of check with the real servers it is proved against.
 */
import { nginx } from "./launchers/nginx.ts";
import type { Row } from "./row.ts";
import { dataRows } from "./rows/data.ts";
import { mailRows } from "./rows/mail.ts";
import { nameRows } from "./rows/names.ts";
import { ownRows } from "./rows/own.ts";
import { signallingRows } from "./rows/signalling.ts";
import { webRows } from "./rows/web.ts";

/** All rows, in the order of the kinds. */
export const rows: readonly Row[] = [
  {
    name: "tcp",
    launcher: nginx,
    port: "http",
    check: { kind: "tcp" },
    // A connection is all this kind asks for.
    words: {
      stopped: "up",
      reset: "up",
      slow: "up",
      stalled: "up",
      "cut off": "up",
      garbage: "up",
      flood: "up",
    },
  },
  ...webRows,
  ...nameRows,
  ...mailRows,
  ...dataRows,
  ...signallingRows,
  ...ownRows,
];
