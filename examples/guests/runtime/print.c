/* A small printf: lines are gathered and handed to the sink in pieces. */
#include "print.h"

#include <stdarg.h>

void (*print_sink)(const char *text, u64 length);

struct buffer {
  char text[128];
  u64 length;
};

static void flush(struct buffer *out) {
  if (out->length) print_sink(out->text, out->length);
  out->length = 0;
}

static void put(struct buffer *out, char c) {
  if (out->length == sizeof out->text) flush(out);
  out->text[out->length++] = c;
}

static void put_padded(struct buffer *out, const char *text, u64 length, i64 width, char fill) {
  for (i64 i = (i64)length; i < width; i++) put(out, fill);
  for (u64 i = 0; i < length; i++) put(out, text[i]);
  for (i64 i = (i64)length; i < -width; i++) put(out, ' ');
}

static void put_number(struct buffer *out, u64 value, u64 base, bool negative, i64 width, char fill) {
  char digits[24];
  u64 at = sizeof digits;
  do digits[--at] = "0123456789abcdef"[value % base];
  while (value /= base);
  if (negative) digits[--at] = '-';
  put_padded(out, digits + at, sizeof digits - at, width, fill);
}

static void put_argument(struct buffer *out, char kind, i64 width, char fill, u64 value) {
  const char *text = (const char *)value;
  char c = (char)value;
  switch (kind) {
    case 's': put_padded(out, text, string_length(text), width, ' '); break;
    case 'c': put_padded(out, &c, 1, width, ' '); break;
    case 'd': put_number(out, (i64)value < 0 ? -value : value, 10, (i64)value < 0, width, fill); break;
    case 'u': put_number(out, value, 10, false, width, fill); break;
    default: put_number(out, value, 16, false, width, fill); break;
  }
}

void print(const char *format, ...) {
  struct buffer out = {.length = 0};
  va_list arguments;
  va_start(arguments, format);
  for (; *format; format++) {
    if (*format != '%') {
      put(&out, *format);
      continue;
    }
    bool left = format[1] == '-';
    if (left) format++;
    char fill = format[1] == '0' ? '0' : ' ';
    i64 width = 0;
    while (*++format >= '0' && *format <= '9') width = width * 10 + (*format - '0');
    if (*format == '%') put(&out, '%');
    else put_argument(&out, *format, left ? -width : width, fill, va_arg(arguments, u64));
  }
  va_end(arguments);
  flush(&out);
}
