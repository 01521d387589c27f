/** dnsmasq: DNS, with one name of its own. */
import type { Launcher } from "../launcher.ts";

/** dnsmasq with one name. */
export const dnsmasq: Launcher = {
  name: "dnsmasq",
  packages: ["dnsmasq-base"],
  ports: ["dns"],
  async prepare({ port, write }) {
    const configuration = await write(
      "dnsmasq.conf",
      `port=${port("dns")}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=root
pid-file
address=/www.example.org/192.0.2.21
`,
    );
    return { command: ["/usr/sbin/dnsmasq", "--keep-in-foreground", "-C", configuration] };
  },
};
