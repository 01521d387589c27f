/** Rows of checks of RADIUS and SIP servers. */
import { freeradius, RADIUS_SECRET } from "../launchers/freeradius.ts";
import { kamailio } from "../launchers/kamailio.ts";
import { MAIL_PASSWORD, MAIL_USER } from "../launchers/mailbox.ts";
import type { Row } from "../row.ts";

/** Anybody can send a datagram with the server's address: one that answers nothing asked is passed over, and named. */
const passedOver = /timed out .*(no RADIUS packet|to another request)/;
const radius = { "cut off": passedOver, garbage: passedOver, flood: passedOver };

const phone: Row = {
  name: "sip",
  launcher: kamailio,
  port: "sip",
  transport: "udp",
  check: { kind: "sip" },
  changes: { "wrong answer": { uri: "sip:busy@127.0.0.1" } },
  words: { "wrong answer": /(486)/, "cut off": passedOver },
};

/** See the file's head. */
export const signallingRows: readonly Row[] = [
  {
    name: "radius",
    launcher: freeradius,
    port: "radius",
    transport: "udp",
    check: { kind: "radius", secret: RADIUS_SECRET, user: MAIL_USER, password: MAIL_PASSWORD },
    changes: { "wrong answer": { reply: "reject" }, "wrong password": { password: "wrong" } },
    words: radius,
  },
  {
    name: "radius status",
    launcher: freeradius,
    port: "radius",
    transport: "udp",
    check: { kind: "radius", secret: RADIUS_SECRET, reply: "status" },
    words: radius,
  },
  phone,
  {
    name: "sip tcp",
    launcher: kamailio,
    port: "sip",
    check: { kind: "sip", transport: "tcp" },
    changes: phone.changes!,
    words: { "wrong answer": /(486)/ },
    floodHead: "SIP/2.0 200 OK\r\nX-A: ",
  },
];
