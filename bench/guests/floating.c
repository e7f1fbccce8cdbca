/* Floating point, compiled as distributions do: GCC makes fused multiply-adds where the source has a * b + c. */
#include "bench.h"

static inline u64 bits(double value) { return *(u64 *)&value; }

static inline double square_root(double value) {
  double result;
  asm("fsqrt.d %0, %1" : "=f"(result) : "f"(value));
  return result;
}

enum { BODIES = 5 };

struct body {
  double x, y, z, vx, vy, vz, mass;
};

static void advance(struct body *bodies, double step) {
  for (u32 i = 0; i < BODIES; i++) {
    struct body *a = bodies + i;
    for (u32 j = i + 1; j < BODIES; j++) {
      struct body *b = bodies + j;
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double distance = dx * dx + dy * dy + dz * dz;
      double magnitude = step / (distance * square_root(distance));
      a->vx -= dx * b->mass * magnitude, a->vy -= dy * b->mass * magnitude, a->vz -= dz * b->mass * magnitude;
      b->vx += dx * a->mass * magnitude, b->vy += dy * a->mass * magnitude, b->vz += dz * a->mass * magnitude;
    }
  }
  for (u32 i = 0; i < BODIES; i++) {
    struct body *a = bodies + i;
    a->x += step * a->vx, a->y += step * a->vy, a->z += step * a->vz;
  }
}

u64 run_nbody(u64 size) {
  struct body bodies[BODIES];
  for (u32 i = 0; i < BODIES; i++) {
    double k = i;
    bodies[i] = (struct body){k * 4.8 - 1.1, 8.3 - k * 2.7, k * 1.9 - 0.4, 0.6 - k * 0.3, k * 0.2 - 0.5, 0.02 * k, 39.5 / (1 + k * 9)};
  }
  for (u64 i = 0; i < size * 1000; i++) advance(bodies, 0.0001);
  u64 sum = 0;
  for (u32 i = 0; i < BODIES; i++) sum = mix(sum, bits(bodies[i].x) ^ bits(bodies[i].vz));
  return sum;
}

/* Horner's rule in f64 and f32 with explicit fused multiply-adds, and conversions between the two. */
u64 run_fma(u64 size) {
  double x = 0.3, sum = 0;
  float y = 0.7f, small = 0;
  for (u64 i = 0; i < size * 1000; i++) {
    double p = __builtin_fma(x, 0.0083, -0.16);
    p = __builtin_fma(p, x, 1.03), p = __builtin_fma(p, x, -0.25), p = __builtin_fma(p, x, 0.125);
    float q = __builtin_fmaf(y, 0.041f, -0.5f);
    q = __builtin_fmaf(q, y, 0.98f), q = __builtin_fmaf(-q, y, 0.31f), q = __builtin_fmaf(q, y, -0.07f);
    sum += p;
    small = small * 0.5f + q;
    x = __builtin_fma(p, 0.5, (double)small * 0.001);
    y = __builtin_fmaf(q, 0.25f, (float)p);
  }
  return mix(bits(sum), bits(small));
}

u64 run_mandelbrot(u64 size) {
  enum { SIDE = 128, LIMIT = 200 };
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    double scale = 2.5 / SIDE, left = -1.9 + (double)round * 1e-4;
    for (u32 row = 0; row < SIDE; row++) {
      for (u32 column = 0; column < SIDE; column++) {
        double cx = column * scale + left, cy = row * scale - 1.2, x = 0, y = 0;
        u64 count = 0;
        while (count < LIMIT && x * x + y * y <= 4) {
          double next = x * x - y * y + cx;
          y = 2 * x * y + cy;
          x = next;
          count++;
        }
        sum = mix(sum, count);
      }
    }
  }
  return sum;
}

u64 run_matmul(u64 size) {
  enum { SIDE = 96 };
  double *a = take_memory(SIDE * SIDE * 8), *b = take_memory(SIDE * SIDE * 8), *c = take_memory(SIDE * SIDE * 8);
  for (u32 i = 0; i < SIDE * SIDE; i++) a[i] = (double)(i % 97) * 0.25 - 11, b[i] = 3.1 - (double)(i % 89) * 0.07;
  u64 sum = 0;
  for (u64 round = 0; round < size; round++) {
    for (u32 i = 0; i < SIDE; i++) {
      for (u32 j = 0; j < SIDE; j++) {
        double dot = 0;
        for (u32 k = 0; k < SIDE; k++) dot += a[i * SIDE + k] * b[k * SIDE + j];
        c[i * SIDE + j] = dot;
      }
    }
    a[round % (SIDE * SIDE)] += c[(round * 7) % (SIDE * SIDE)] * 1e-6;
    sum = mix(sum, bits(c[(round * 31) % (SIDE * SIDE)]));
  }
  return sum;
}

/* Divisions, roots, conversions, comparisons, minimum and sign: nothing that can be fused. */
u64 run_division(u64 size) {
  double x = 1.5, low = 1e9, sum = 0;
  float narrow = 3.25f;
  i64 whole = 0;
  for (u64 i = 1; i <= size * 1000; i++) {
    double n = (double)i, root = square_root(n), quotient = root / (x + 1);
    double least;
    asm("fmin.d %0, %1, %2" : "=f"(least) : "f"(quotient), "f"(low));
    if (quotient > 100) low = 1e9 - quotient;
    narrow = (float)quotient / narrow + 0.5f;
    whole += (i64)(least * 16) + (i32)narrow;
    x = quotient < 50 ? -quotient : 3 - (double)narrow;
    x = x < 0 ? -x : x;
    sum += x;
  }
  return mix(bits(sum), (u64)whole);
}
