/** FreeRADIUS with one user, and Status-Server. */
import type { Launcher } from "../launcher.ts";
import { MAIL_PASSWORD, MAIL_USER } from "./mailbox.ts";

/** What clients and the server share. */
export const RADIUS_SECRET = "testing123";

/** See the file's head. */
export const freeradius: Launcher = {
  name: "freeradius",
  packages: ["freeradius"],
  ports: ["radius"],
  async prepare({ folder, port, write, makeFolder }) {
    await makeFolder("run");
    const users = await write("users", `${MAIL_USER} Cleartext-Password := "${MAIL_PASSWORD}"\n`);
    await write(
      "radiusd.conf",
      `prefix = /usr
logdir = ${folder}
run_dir = ${folder}/run
libdir = /usr/lib/freeradius
log {
  destination = stdout
}
security {
  reject_delay = 0
  status_server = yes
}
modules {
  files {
    usersfile = ${users}
    key = "%{User-Name}"
  }
  pap {
  }
}
client localhost {
  ipaddr = 127.0.0.1
  secret = ${RADIUS_SECRET}
  require_message_authenticator = no
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port("radius")}
  }
  authorize {
    files
    pap
  }
  authenticate {
    pap
  }
}
`,
    );
    return { command: ["/usr/sbin/freeradius", "-f", "-l", "stdout", "-d", folder], ready };
  },
};

/** A socket of UDP tells nobody that it is there: the first look of the probe waits for it. */
function ready(): Promise<boolean> {
  return Promise.resolve(true);
}
