/** Kamailio: SIP over UDP and TCP; it answers OPTIONS. */
import type { Launcher } from "../launcher.ts";

/** See the file's head. */
export const kamailio: Launcher = {
  name: "kamailio",
  packages: ["kamailio"],
  ports: ["sip"],
  async prepare({ folder, port, write, makeFolder }) {
    const run = await makeFolder("run");
    const configuration = await write(
      "kamailio.cfg",
      `debug=0
log_stderror=yes
children=1
tcp_children=1
listen=udp:127.0.0.1:${port("sip")}
listen=tcp:127.0.0.1:${port("sip")}
loadmodule "sl.so"
request_route {
  if (method == "OPTIONS") {
    if (uri =~ "^sip:busy@") { sl_send_reply("486", "Busy Here"); exit; }
    sl_send_reply("200", "OK");
    exit;
  }
  sl_send_reply("405", "Method Not Allowed");
}
`,
    );
    const options = ["-f", configuration, "-DD", "-E", "-m", "16", "-M", "4", "-Y", run];
    return { command: ["/usr/sbin/kamailio", ...options], environment: { HOME: folder } };
  },
};
