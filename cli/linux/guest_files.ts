/** The text files of the guest: the initramfs's /init, the program of a one-command run, and the disk's configuration. @module */

import { RUN_BLOCK_SIZE, RUN_CHUNK_SIZE, RUN_MAGIC, RUN_SLOTS } from "./run_disk.ts";

/** Where the initramfs keeps its modules, and the list of them in the order of insertion. */
export const MODULE_FOLDER = "modules";

/**
 * The initramfs's first program: inserts the modules that a virtio-blk root needs, mounts `root=` (/dev/vda) and hands
 * over to the disk's init, or to {@link RUN_SCRIPT} when the second disk holds a request.
 */
export const INIT_SCRIPT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

root=/dev/vda
read -r parameters </proc/cmdline
for parameter in $parameters; do
  case $parameter in root=*) root=\${parameter#root=} ;; esac
done

fail() {
  echo "init: $1" >/dev/console
  [ -n "$request" ] || exec setsid cttyhack sh
  poweroff -f
}

while read -r module; do
  insmod /${MODULE_FOLDER}/$module.ko || echo "init: cannot insert the module $module" >/dev/console
done </${MODULE_FOLDER}/order

request=
if [ -b /dev/vdb ]; then
  read -r -n 128 request </dev/vdb
  case $request in "${RUN_MAGIC} 1 "*) ;; *) request= ;; esac
fi

mount -t ext4 -o rw,noatime "$root" /newroot || fail "cannot mount $root; the disk may be damaged: remove its image and start again"
for folder in proc sys dev run; do
  [ -d /newroot/$folder ] || mkdir /newroot/$folder
done
mount -t tmpfs tmpfs /newroot/run
for folder in proc sys dev; do mount -o move /$folder /newroot/$folder; done

export HOME=/root TERM=linux PATH=/bin:/sbin:/usr/bin
if [ -n "$request" ]; then
  mkdir /newroot/run/denovisor
  cp /run.sh /newroot/run/denovisor/run
  exec switch_root /newroot /bin/sh /run/denovisor/run $request
fi
exec switch_root /newroot /sbin/init
`;

/**
 * PID 1 of a run. Standard output and standard error of the command go through two pipes, each emptied by a \`pump\` that
 * writes what it got, as it comes, as one frame; see run_disk.ts. What the command leaves running in its process group is ended
 * with it. The answer is on its disk and the root file system is clean before the machine goes off.
 */
export const RUN_SCRIPT = `#!/bin/sh
nonce=$3
length=$4
cd /run/denovisor
hostname denovisor

# Writes the file $1.frame over the slot at block $2.
send() {
  dd if=$1.frame of=/dev/vdb bs=$3 seek=$2 oflag=seek_bytes,direct conv=sync,notrunc 2>/dev/null
}

# Turns standard input into frames of the slot $1 at byte $2.
pump() {
  sequence=0
  while true; do
    dd bs=${RUN_CHUNK_SIZE} count=1 of=$1.frame seek=${RUN_BLOCK_SIZE} oflag=seek_bytes 2>/dev/null
    size=$(($(stat -c %s $1.frame) - ${RUN_BLOCK_SIZE}))
    [ $size -gt 0 ] || break
    echo "denovisor-frame $nonce $sequence $size" 1<>$1.frame
    send $1 $2 $(((size + ${2 * RUN_BLOCK_SIZE - 1}) / ${RUN_BLOCK_SIZE} * ${RUN_BLOCK_SIZE}))
    sequence=$((sequence + 1))
  done
}

mkfifo out err
pump out ${RUN_SLOTS.out * RUN_BLOCK_SIZE} <out &
pump err ${RUN_SLOTS.err * RUN_BLOCK_SIZE} <err &
dd if=/dev/vdb bs=${RUN_BLOCK_SIZE} skip=1 count=$(((length + ${
  RUN_BLOCK_SIZE - 1
}) / ${RUN_BLOCK_SIZE})) 2>/dev/null | head -c $length >command
(cd /root && exec setsid sh -c '. /run/denovisor/command' sh) >out 2>err </dev/null &
shell=$!
wait $shell
status=$?
kill -9 -$shell 2>/dev/null
wait

echo "denovisor-frame $nonce 0 0 $status" >status.frame
send status ${RUN_SLOTS.status * RUN_BLOCK_SIZE} ${RUN_BLOCK_SIZE}
cd /
sync
mount -o remount,ro /
poweroff -f
`;

/** The text files of the disk, by path; those that are programs are marked. */
export const DISK_FILES: Readonly<Record<string, { readonly text: string; readonly executable?: boolean }>> = {
  "etc/passwd": { text: "root::0:0:root:/root:/bin/sh\nnobody:*:65534:65534:nobody:/nonexistent:/bin/false\n" },
  "etc/group": { text: "root:x:0:\nnogroup:x:65534:\n" },
  "etc/hostname": { text: "denovisor\n" },
  "etc/hosts": { text: "127.0.0.1 localhost denovisor\n" },
  "etc/fstab": { text: "/dev/vda / ext4 rw,noatime 0 0\n" },
  "etc/profile": { text: "export PS1='\\w \\$ '\ncd\n" },
  "etc/inittab": {
    text: `::sysinit:/etc/init.d/rcS
::respawn:/bin/cttyhack /bin/sh -l
::ctrlaltdel:/bin/reboot
::shutdown:/bin/mount -o remount,ro /
`,
  },
  "etc/init.d/rcS": {
    text: `#!/bin/sh
hostname -F /etc/hostname
ifconfig lo 127.0.0.1 up
echo "Debian's kernel, busybox's tools, the root disk /dev/vda. 'poweroff' ends the machine."
`,
    executable: true,
  },
};

/** The folders of the disk, parents first. */
export const DISK_FOLDERS: readonly string[] = [
  ...["bin", "dev", "etc", "etc/init.d", "lib", "lib/modules", "mnt", "proc", "root", "run", "sbin", "sys", "tmp"],
  ...["usr", "usr/bin", "var", "var/log"],
];

/** Names that busybox has outside /bin, for the kernel and for scripts that name their interpreter in full. */
export const DISK_PROGRAMS: readonly string[] = ["sbin/init", "sbin/modprobe", "usr/bin/env"];
