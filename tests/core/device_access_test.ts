/** DirectAccess: accesses to devices while the CPU runs, as an architecture sees and makes them. @module */
import assert from "node:assert/strict";
import type { AxVCpuExitReason } from "../../core/exit.ts";
import type { ScriptStep } from "./scripted_arch.ts";
import { devicePlugin, plugin, registerDevice, scriptedVm, shutdown } from "./vm_fixture.ts";

const DEVICE = 0x1000_0000;

const NOTHING: AxVCpuExitReason = { kind: "Nothing" };

Deno.test("DirectAccess reads and writes devices inside a run, and statistics count the accesses as exits", async () => {
  const device = registerDevice();
  const seen: unknown[] = [];
  const step: ScriptStep = ({ context }) => {
    const devices = context!.devices!;
    seen.push(devices.write(0, DEVICE, 8, 5, 7), devices.read(0, DEVICE, 4), devices.high);
    seen.push(devices.read(0, DEVICE, 8), devices.high, devices.read(0, DEVICE, 1), devices.high);
    return NOTHING;
  };
  const { vm } = await scriptedVm([[step, shutdown()]], { plugins: [devicePlugin(device)] });
  await vm.run();
  assert.deepEqual(seen, [true, 7, 0, 7, 7, 7, 0]);
  const { exits, deviceReads, deviceWrites } = vm.statistics();
  assert.deepEqual([exits.MmioRead, exits.MmioWrite, deviceReads, deviceWrites], [3, 1, 3, 1]);
});

Deno.test("DirectAccess does nothing where no device takes the whole access, so that the exit follows", async () => {
  const seen: unknown[] = [];
  const step: ScriptStep = ({ context }) => {
    const devices = context!.devices!;
    for (const address of [DEVICE - 4, DEVICE + 0x100, DEVICE + 0xfc, 0x8000_0000]) {
      seen.push(devices.read(0, address, 8), devices.write(0, address, 8, 1, 1));
    }
    return NOTHING;
  };
  const { vm } = await scriptedVm([[step, shutdown()]], { plugins: [devicePlugin(registerDevice())] });
  await vm.run();
  assert.deepEqual(seen, [-1, false, -1, false, -1, false, -1, false]);
  assert.equal(vm.statistics().exits.MmioRead, undefined);
});

Deno.test("DirectAccess is closed where somebody observes exits, who is promised to see each", async () => {
  const seen: unknown[] = [];
  const step: ScriptStep = ({ context }) => {
    seen.push(context!.devices!.read(0, DEVICE, 4), context!.devices!.write(0, DEVICE, 4, 1, 0));
    return NOTHING;
  };
  const observer = plugin((context) => context.onExit(() => {}), "observer");
  const { vm } = await scriptedVm([[step, shutdown()]], { plugins: [devicePlugin(registerDevice()), observer] });
  await vm.run();
  assert.deepEqual(seen, [-1, false]);
});

Deno.test("DirectAccess kicks the CPU when a device ends the VM or fails", async () => {
  const access: ScriptStep = (cpu) => {
    cpu.context!.devices!.write(0, DEVICE, 4, 1, 0);
    return NOTHING;
  };
  const off = plugin((context) => {
    const write = (): void => context.vm.powerOff(4);
    context.device({ name: "off", base: DEVICE, size: 16, create: () => ({ state: {}, read: () => 0, write }) });
  });
  const ending = await scriptedVm([[access, shutdown()]], { plugins: [off] });
  assert.deepEqual(await ending.vm.run(), { reason: "shutdown", code: 4 });
  assert.ok(ending.cpu.calls.includes("kick"));

  const broken = devicePlugin({ ...registerDevice(), write: () => assert.fail("out of order") });
  const failing = await scriptedVm([[access, shutdown()]], { plugins: [broken] });
  const outcome = await failing.vm.run();
  assert.match(
    outcome.reason === "failed" ? outcome.message : "",
    /device "device0" at 0x10000000 failed: out of order/,
  );
  assert.ok(failing.cpu.calls.includes("kick"));
});
