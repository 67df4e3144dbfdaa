// Runs a .spec program on DPDK's SWX pipeline, one packet at a time, driven by lines on standard input.
// Only DPDK's public headers are used.
#ifndef SWX_H
#define SWX_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <rte_swx_ctl.h>
#include <rte_swx_pipeline.h>

enum {
    PORTS_IN = 16,   // SWX requires a power of two
    PORTS_OUT = 16,
    HEADROOM = 1024, // room for pushed headers
    FRAME_MAX = 4096,
    TAILROOM = 1024, // read by headers that extend beyond the end of the packet
    MIRROR_SLOTS = 4,
    MIRROR_SESSIONS = 64,
    STEPS_MAX = 2000000, // of all threads together, for one packet
};

// Prints "swx: ..." to standard error and ends the program.
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// spec.c: configures everything that the file declares.
void spec_load(struct rte_swx_pipeline *pipeline, const char *path);

// ports.c: ports in memory.
void ports_configure(struct rte_swx_pipeline *pipeline);
// Runs one packet and writes "clone PORT HEX", "out PORT HEX" and "drop" lines.
void ports_run(struct rte_swx_pipeline *pipeline, unsigned port, const char *hex, FILE *out);

// Sets the packet that ports_rate sends on a port.
void ports_offer(unsigned port, const char *hex);
// Runs that many packets at full speed, in turn from all ports that have an offer, and returns the time in nanoseconds.
uint64_t ports_rate(struct rte_swx_pipeline *pipeline, uint64_t count);

// clock.c: the pipeline's clock, which only advances on command.
bool clock_start(void);
void clock_enter(void);
void clock_leave(void);
void clock_advance(uint64_t milliseconds);

// commands.c: reads lines until the end of standard input.
void commands_run(struct rte_swx_pipeline *pipeline, FILE *in, FILE *out);

#endif
