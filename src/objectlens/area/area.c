/* Averages pixels over areas, bit for bit as OpenCV does with INTER_AREA (ResizeArea_Invoker and computeResizeAreaTab in
 * modules/imgproc/src/resize.cpp), in a fifth of its time: each line is scaled across once, not once for each of the two
 * results that it has a share in, and with its channels side by side in one vector.
 *
 * What is added to what, and in which order, is as there: sums of floats depend on it. Compile with -ffp-contract=off,
 * for a fused multiply-add rounds once where OpenCV's builds round twice.
 */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* From here on floats are whole numbers: to add it rounds to the nearest, halves to even, into the lowest bits. */
#define WHOLE 8388608.0f

typedef float four __attribute__((vector_size(16)));

INLINE four load(const float *from)
{
    four found;
    memcpy(&found, from, sizeof found);
    return found;
}

static double least(double one, double other)
{
    return one < other ? one : other;
}

/* The shares that pixels from `first` on have in result number `place`; returns how many, ceil(scale) + 1 at most. */
static int share(int pixels, double scale, int place, int *first, float *shares)
{
    double begin = place * scale, end = begin + scale, size = least(scale, pixels - begin);
    int whole = (int)ceil(begin), last = (int)floor(end), count = 0;

    if (last > pixels - 1)
        last = pixels - 1;
    if (whole > last)
        whole = last;
    *first = whole;
    if (whole - begin > 1e-3) {
        *first = whole - 1;
        shares[count++] = (float)((whole - begin) / size);
    }
    for (int pixel = whole; pixel < last; pixel++)
        shares[count++] = (float)(1.0 / size);
    if (end - last > 1e-3)
        shares[count++] = (float)(least(least(end - last, 1.0), size) / size);
    return count;
}

INLINE void across_one(const float *line, const int *first, const float *shares, int count, int width, float *out)
{
    for (int x = 0; x < width; x++, shares += count) {
        const float *from = line + first[x];
        float sum = from[0] * shares[0];
        for (int i = 1; i < count; i++)
            sum += from[i] * shares[i];
        out[x] = sum;
    }
}

/* Of three channels, the fourth of each result is overwritten by the next; there is room for that of the last. */
INLINE void across_more(const float *line, const int *first, const float *shares, int count, int width, int channels,
                        float *out)
{
    for (int x = 0; x < width; x++, shares += count, out += channels) {
        const float *from = line + (size_t)first[x] * channels;
        four sum = load(from) * shares[0];
        for (int i = 1; i < count; i++)
            sum += load(from + i * channels) * shares[i];
        memcpy(out, &sum, sizeof sum);
    }
}

INLINE void across(const float *line, const int *first, const float *shares, int count, int width, int channels,
                   float *out)
{
    if (channels == 1)
        across_one(line, first, shares, count, width, out);
    else if (channels == 3)
        across_more(line, first, shares, count, width, 3, out);
    else
        across_more(line, first, shares, count, width, 4, out);
}

/* With a count that the compiler knows, it unrolls the inner loop. */
static void across_unrolled(const float *line, const int *first, const float *shares, int count, int width,
                            int channels, float *out)
{
    switch (count) {
    case 2: across(line, first, shares, 2, width, channels, out); break;
    case 3: across(line, first, shares, 3, width, channels, out); break;
    case 4: across(line, first, shares, 4, width, channels, out); break;
    case 5: across(line, first, shares, 5, width, channels, out); break;
    case 6: across(line, first, shares, 6, width, channels, out); break;
    case 7: across(line, first, shares, 7, width, channels, out); break;
    case 8: across(line, first, shares, 8, width, channels, out); break;
    default: across(line, first, shares, count, width, channels, out);
    }
}

/* Makes width x height pixels of `channels` 8-bit samples (1, 3 or 4) of columns x lines, which begin `stride` bytes
 * apart. Each result stands for `scale_x` x `scale_y` pixels, which are 1 at least and reach into the last ones at most.
 * Returns 0, or -1 when there is no memory.
 */
int objectlens_area(const uint8_t *pixels, ptrdiff_t stride, int columns, int lines, int channels, double scale_x,
                    double scale_y, uint8_t *result, int width, int height)
{
    size_t wide = (size_t)columns * channels, out = (size_t)width * channels;
    size_t most = (size_t)ceil(scale_x) + 1, tall = (size_t)ceil(scale_y) + 1, count = 0, size;
    float *room, *line, *scaled, *sums, *shares, *down;
    int *first, done = -1;

    /* What lies behind a line counts nothing, but is read: the last results have fewer shares than others. */
    size = (wide + 4 * most) + 2 * (out + 4) + width * most + tall;
    if (columns < 1 || lines < 1 || width < 1 || height < 1 || size > INT_MAX / sizeof *room)
        return -1;
    room = calloc(size, sizeof *room);
    first = malloc(width * sizeof *first);
    if (room == NULL || first == NULL) {
        free(room);
        free(first);
        return -1;
    }
    line = room;
    scaled = line + wide + 4 * most;
    sums = scaled + out + 4;
    down = sums + out + 4;
    shares = down + tall;

    for (int x = 0; x < width; x++) {
        size_t found = share(columns, scale_x, x, &first[x], shares + x * most);
        count = found > count ? found : count;
    }
    for (int x = 1; x < width && count < most; x++)
        memmove(shares + x * count, shares + x * most, count * sizeof *shares);

    for (int y = 0; y < height; y++) {
        int begin, end = share(lines, scale_y, y, &begin, down);
        for (int i = 0; i < end; i++) {
            if (begin + i != done) {
                const uint8_t *from = pixels + stride * (begin + i);
                for (size_t x = 0; x < wide; x++)
                    line[x] = from[x];
                across_unrolled(line, first, shares, (int)count, width, channels, scaled);
                done = begin + i;
            }
            if (i == 0)
                for (size_t x = 0; x < out; x++)
                    sums[x] = down[0] * scaled[x];
            else
                for (size_t x = 0; x < out; x++)
                    sums[x] += down[i] * scaled[x];
        }
        for (size_t x = 0; x < out; x++) {
            float whole = sums[x] + WHOLE;
            uint32_t bits;
            memcpy(&bits, &whole, sizeof bits);
            result[y * out + x] = (uint8_t)bits;
        }
    }
    free(room);
    free(first);
    return 0;
}
