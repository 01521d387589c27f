/** ncat as the server of HAProxy's agent-check: a line for everybody who connects. */
import type { Launcher } from "../launcher.ts";

/** Says what the file `line` in its folder holds, and closes. */
export const ncat: Launcher = {
  name: "ncat",
  packages: ["ncat"],
  ports: ["agent"],
  async prepare({ folder, port, write }) {
    await write("line", "up 75%\n");
    const listen = ["--listen", "127.0.0.1", String(port("agent")), "--keep-open"];
    return { command: ["/usr/bin/ncat", ...listen, "--sh-exec", `cat ${folder}/line`] };
  },
};
