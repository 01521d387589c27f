/** Redis, with a password of its default user and another user, in plain text and over TLS. */
import type { Launcher } from "../launcher.ts";

/** Password of the default user. */
export const REDIS_PASSWORD = "default secret";
/** Another user. */
export const REDIS_USER = { user: "troop", password: "another-secret" } as const;

/** A master that keeps nothing. */
export const redis: Launcher = {
  name: "redis",
  packages: ["redis-server"],
  ports: ["redis", "rediss"],
  async prepare({ folder, port, tls, write }) {
    const configuration = await write(
      "redis.conf",
      `bind 127.0.0.1
port ${port("redis")}
tls-port ${port("rediss")}
tls-cert-file ${tls.certificate}
tls-key-file ${tls.key}
tls-ca-cert-file ${tls.authority}
tls-auth-clients no
daemonize no
dir ${folder}
save ""
appendonly no
requirepass "${REDIS_PASSWORD}"
user ${REDIS_USER.user} on >${REDIS_USER.password} +ping +role
`,
    );
    return { command: ["/usr/bin/redis-server", configuration] };
  },
};
