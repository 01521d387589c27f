/**
 * How a real server of Debian is described: a launcher writes a private configuration and says what to run. All the
 * rest (folder, ports, user, waiting, faults, tidying up) is {@link startServer}'s, in real_server.ts.
 */

/** A kind of server that tests can start. */
export interface Launcher {
  /** Names it in the table. */
  readonly name: string;
  /** The Debian packages it is in; `./task` installs them, and does not start them. */
  readonly packages: readonly string[];
  /** Names of the ports it listens on, at 127.0.0.1; every one gets a free number. */
  readonly ports: readonly string[];
  /** Whom it runs as, where it does not change the user itself; the folder becomes that user's. */
  readonly user?: string;
  /** Writes configuration and data into its folder, once, and says how to run it in the foreground. */
  prepare(place: Place): Promise<Run>;
}

/** Where a server lives. */
export interface Place {
  /** A fresh folder; everybody may enter it. */
  readonly folder: string;
  /** The number of one of the launcher's ports. */
  port(name: string): number;
  /** Certificate for www.example.org and 127.0.0.1, its key, and the authority that signed it: PEM files. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly authority: string };
  /** Writes a file below the folder, its folders too; returns its path. */
  write(name: string, text: string, mode?: number): Promise<string>;
  /** Makes a folder below the folder; returns its path. */
  makeFolder(name: string, mode?: number): Promise<string>;
  /** Runs a program to its end as the launcher's user, in the folder; throws with its words when it fails. */
  run(command: readonly string[], input?: string): Promise<string>;
}

/** How to run a server. */
export interface Run {
  /** Argument vector; it must stay in the foreground. */
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** File in the folder it writes its complaints to, where these are not printed: shown when it does not start. */
  readonly log?: string;
  /** Whether it answers; without it: whether all ports that begin listening take connections. */
  ready?(): Promise<boolean>;
}
