/** The doctor's looks at a real machine: right, and without a trace. */
import { describe, expect, test } from "bun:test";
import { homeIn } from "../../../src/core/home.ts";
import { serveSocket } from "../../../src/http/serve.ts";
import { diagnose } from "../../../src/shell/doctor/doctor.ts";
import { doctorTools } from "../../../src/shell/doctor/doctor_tools.ts";
import { freePort } from "../../support/free_port.ts";
import { tempFolder } from "../../support/temp_folder.ts";

describe("doctorTools", () => {
  test("finds a port in use and lets a free one go", async () => {
    const tools = doctorTools(homeIn(tempFolder()));
    const port = await freePort();
    const endpoint = { address: "127.0.0.1", port };
    const tcp = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    const udp = await Bun.udpSocket({ hostname: "127.0.0.1", port });
    expect(await tools.portProblem("tcp", endpoint)).toBe("in use by another program");
    expect(await tools.portProblem("udp", endpoint)).toBe("in use by another program");
    tcp.stop(true);
    udp.close();
    for (const protocol of ["tcp", "udp", "tcp"] as const) {
      expect(await tools.portProblem(protocol, endpoint)).toBeNull();
    }
    expect(await tools.portProblem("tcp", { address: "203.0.113.9", port })).toBe(
      "this machine does not have that address",
    );
  });

  test("sees an agent by its socket", async () => {
    const place = homeIn(tempFolder());
    const tools = doctorTools(place);
    expect(await tools.agentRuns(place)).toBe(false);
    const served = await serveSocket(place, () => new Response(""));
    expect(await tools.agentRuns(place)).toBe(true);
    await served.close();
  });

  test("tells writable switches from others, and writes nothing", () => {
    const tools = doctorTools(homeIn(tempFolder()));
    const path = "/proc/sys/kernel/domainname";
    const before = tools.readText(path);
    expect(tools.canWrite("/proc/sys/kernel/osrelease")).toBe(false);
    expect(tools.canWrite("/proc/sys/there/is/none")).toBe(false);
    tools.canWrite(path);
    expect(tools.readText(path)).toBe(before);
  });

  test("examines this machine without changing its folders", async () => {
    const place = homeIn(tempFolder());
    const findings = await diagnose(place, doctorTools(place));
    expect(findings.map(({ what }) => what)).toEqual([
      "libraries",
      "privileges",
      "kernel IPVS",
      "schedulers",
      "protocols",
      "tunnels",
      "helpers",
      "marks",
      "sysctls",
      "cluster port",
      "HTTP port",
      "config",
      "clock",
    ]);
    for (const { state, remedy } of findings) expect(remedy === null).toBe(state === "ok");
    expect([...new Bun.Glob("**").scanSync({ cwd: place.folder!, dot: true })]).toEqual([]);
  });
});
