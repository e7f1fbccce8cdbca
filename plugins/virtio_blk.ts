/**
 * The plugin that brings a disk: a virtio block device over an image file or any other storage.
 *
 * @module
 */
import type { BlockBackend, BlockMode } from "../core/block.ts";
import { HypervisorError } from "../core/errors.ts";
import type { Plugin, PluginContext } from "../core/plugin_types.ts";
import { VirtioBlk } from "../devices/virtio/blk.ts";
import { OverlayBlock } from "../devices/virtio/block_overlay.ts";
import { virtioSpec } from "./virtio_empty.ts";

const MODES: readonly string[] = ["rw", "ro", "overlay"] satisfies BlockMode[];

const KNOWN = {
  path: "image file of the disk",
  mode: "rw (default), ro, or overlay: writes stay in memory",
  backend: "storage as an object with size, readOnly, read, write and flush, in place of a path",
  id: "what the disk answers when it is asked for its ID (at most 20 characters)",
  slot: "virtio-mmio slot, 0 to 7 (default 0)",
};

/** A disk. */
const plugin: Plugin = {
  name: "virtio_blk",
  apiVersion: 1,
  options: KNOWN,
  async setup(context) {
    const unknown = Object.keys(context.options).filter((name) => !Object.hasOwn(KNOWN, name));
    if (unknown.length > 0) {
      const known = Object.keys(KNOWN).join(", ");
      throw new HypervisorError(`A disk has no option "${unknown.join('", "')}"; its options are ${known}`);
    }
    const backend = await openBackend(context);
    const { slot = 0, id } = context.options;
    const name = `disk${slot}`;
    if (backend.size % 512 !== 0) {
      context.vm.log(`${name}: its last ${backend.size % 512} bytes are not shown, for they are no whole sector`);
    }
    const options = { backend, vm: context.vm, name, id: String(id ?? name) };
    context.device(virtioSpec(context, name, slot, () => new VirtioBlk(options)));
  },
};

export default plugin;

/** The storage that the options name. */
async function openBackend({ options, vm }: PluginContext): Promise<BlockBackend> {
  const { path, mode = "rw", backend } = options;
  if (!isMode(mode)) {
    throw new HypervisorError(`Option "mode" must be one of ${MODES.join(", ")}, not ${JSON.stringify(mode)}`);
  }
  if ((path === undefined) === (backend === undefined)) {
    throw new HypervisorError(`A disk needs either "path" or "backend"`);
  }
  if (backend !== undefined) {
    if (!isBackend(backend)) {
      throw new HypervisorError(`Option "backend" must be an object with size, readOnly, read, write and flush`);
    }
    if (mode === "overlay") return new OverlayBlock(backend);
    return mode === "ro" ? readOnly(backend) : backend;
  }
  if (typeof path !== "string") {
    throw new HypervisorError(`Option "path" must be the path of an image file, not ${JSON.stringify(path)}`);
  }
  return await vm.openBlock(path, mode);
}

/** The same storage, with writes refused. */
function readOnly(backend: BlockBackend): BlockBackend {
  return {
    size: backend.size,
    readOnly: true,
    read: (offset, length) => backend.read(offset, length),
    write: () => {
      throw new HypervisorError("The disk is read-only");
    },
    flush: () => backend.flush(),
    close: () => backend.close?.(),
  };
}

function isMode(value: unknown): value is BlockMode {
  return MODES.includes(value as BlockMode);
}

function isBackend(value: unknown): value is BlockBackend {
  if (typeof value !== "object" || value === null) return false;
  const { size, readOnly, read, write, flush } = value as Record<string, unknown>;
  return Number.isSafeInteger(size) && Number(size) >= 0 && typeof readOnly === "boolean" &&
    [read, write, flush].every((method) => typeof method === "function");
}
