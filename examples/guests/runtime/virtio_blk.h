/* Driver of a virtio block device behind virtio-mmio (virtio 1.2, sections 4.2 and 5.2): one queue, one request at a time. */
#pragma once
#include "base.h"

enum { SECTOR_SIZE = 512 };

struct virtio_blk {
  u64 base;     /* of its registers; 0 until it is started */
  u64 sectors;  /* capacity */
  bool read_only;
};

/* What the registers at `base` say: 0 no device, else the virtio device ID; -1 if they are not a modern transport. */
i64 virtio_device_id(u64 base);
/* Starts a block device; false if it refuses the features or the queue. */
bool virtio_blk_start(struct virtio_blk *disk, u64 base);
/* Puts a request into the queue: sectors from `sector` on, `length` bytes. */
void virtio_blk_submit(struct virtio_blk *disk, bool write, u64 sector, void *data, u32 length);
/* Whether the request is answered. */
bool virtio_blk_done(void);
/* The answer: 0 good, 1 error, 2 unsupported. */
u8 virtio_blk_status(void);
/* Acknowledges the device's interrupt. */
void virtio_blk_acknowledge(struct virtio_blk *disk);
