/* The queue lies in the image, which is mapped at its physical address or at that plus a multiple of 2^38. */
#include "virtio_blk.h"

enum {
  MAGIC = 0x000, VERSION = 0x004, DEVICE_ID = 0x008, DEVICE_FEATURES = 0x010, DEVICE_FEATURES_SEL = 0x014,
  DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030, QUEUE_NUM_MAX = 0x034, QUEUE_NUM = 0x038,
  QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050, INTERRUPT_STATUS = 0x060, INTERRUPT_ACK = 0x064, STATUS = 0x070,
  QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, CONFIG = 0x100,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { FEATURE_READ_ONLY = 1 << 5, FEATURE_VERSION_1 = 1 << 0 /* of the second word */ };
enum { DESC_NEXT = 1, DESC_WRITE = 2, QUEUE_SIZE = 8 };

static struct {
  u64 address;
  u32 length;
  u16 flags, next;
} descriptors[QUEUE_SIZE] __attribute__((aligned(16)));

static struct {
  u16 flags, index, ring[QUEUE_SIZE], used_event;
} available __attribute__((aligned(2)));

static volatile struct {
  u16 flags, index;
  struct {
    u32 id, length;
  } ring[QUEUE_SIZE];
  u16 available_event;
} used __attribute__((aligned(4)));

static struct {
  u32 type, reserved;
  u64 sector;
} header __attribute__((aligned(16)));
static volatile u8 answer;

i64 virtio_device_id(u64 base) {
  if (read32(base + MAGIC) != 0x74726976 || read32(base + VERSION) != 2) return -1;
  return read32(base + DEVICE_ID);
}

static u64 physical(const volatile void *address) { return (u64)address & 0x3fffffffff; }

static void write_address(u64 at, const volatile void *address) {
  write32(at, (u32)physical(address));
  write32(at + 4, (u32)(physical(address) >> 32));
}

static u32 features(u64 base, u32 word) {
  write32(base + DEVICE_FEATURES_SEL, word);
  return read32(base + DEVICE_FEATURES);
}

bool virtio_blk_start(struct virtio_blk *disk, u64 base) {
  write32(base + STATUS, 0);
  write32(base + STATUS, ACKNOWLEDGE | DRIVER);
  disk->read_only = (features(base, 0) & FEATURE_READ_ONLY) != 0;
  write32(base + DRIVER_FEATURES_SEL, 0);
  write32(base + DRIVER_FEATURES, features(base, 0) & FEATURE_READ_ONLY);
  write32(base + DRIVER_FEATURES_SEL, 1);
  write32(base + DRIVER_FEATURES, features(base, 1) & FEATURE_VERSION_1);
  write32(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  if (!(read32(base + STATUS) & FEATURES_OK)) return false;
  write32(base + QUEUE_SEL, 0);
  if (read32(base + QUEUE_NUM_MAX) < QUEUE_SIZE) return false;
  write32(base + QUEUE_NUM, QUEUE_SIZE);
  write_address(base + QUEUE_DESC, descriptors);
  write_address(base + QUEUE_DRIVER, &available);
  write_address(base + QUEUE_DEVICE, &used);
  write32(base + QUEUE_READY, 1);
  write32(base + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
  disk->base = base;
  disk->sectors = (u64)read32(base + CONFIG + 4) << 32 | read32(base + CONFIG);
  return true;
}

static void describe(u16 index, const volatile void *data, u32 length, u16 flags) {
  descriptors[index].address = physical(data);
  descriptors[index].length = length;
  descriptors[index].flags = flags;
  descriptors[index].next = index + 1;
}

void virtio_blk_submit(struct virtio_blk *disk, bool write, u64 sector, void *data, u32 length) {
  header.type = write;
  header.sector = sector;
  answer = 0xff;
  describe(0, &header, sizeof header, DESC_NEXT);
  describe(1, data, length, DESC_NEXT | (write ? 0 : DESC_WRITE));
  describe(2, &answer, 1, DESC_WRITE);
  available.ring[available.index % QUEUE_SIZE] = 0;
  fence();
  available.index++;
  fence();
  write32(disk->base + QUEUE_NOTIFY, 0);
}

bool virtio_blk_done(void) {
  bool done = used.index == available.index;
  fence();
  return done;
}

u8 virtio_blk_status(void) { return answer; }

void virtio_blk_acknowledge(struct virtio_blk *disk) {
  write32(disk->base + INTERRUPT_ACK, read32(disk->base + INTERRUPT_STATUS));
}
