#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "swx.h"

void die(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("swx: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

int main(int count, char **arguments)
{
    static char *eal[] = {"swx", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=error", "-l", "0",
        "-m", "512", NULL};
    struct rte_swx_pipeline_mirroring_params mirroring = {.n_slots = MIRROR_SLOTS, .n_sessions = MIRROR_SESSIONS};
    struct rte_swx_pipeline *pipeline = NULL;
    int status;

    if (count != 2)
        die("usage: swx SPEC");
    if (rte_eal_init(sizeof(eal) / sizeof(eal[0]) - 1, eal) < 0)
        die("the DPDK environment failed to start");
    status = rte_swx_pipeline_config(&pipeline, NULL, 0);
    if (!status)
        status = rte_swx_pipeline_mirroring_config(pipeline, &mirroring);
    if (status)
        die("the pipeline could not be created: %s", strerror(-status));
    ports_configure(pipeline);
    spec_load(pipeline, arguments[1]);
    status = rte_swx_pipeline_build(pipeline);
    if (status)
        die("%s: DPDK rejected the pipeline: %s", arguments[1], strerror(-status));

    // Reports the frequency of the time stamp counter and whether the clock can be advanced.
    printf("ready %lu %s\n", rte_get_tsc_hz(), clock_start() ? "clock" : "no-clock");
    fflush(stdout);
    commands_run(pipeline, stdin, stdout);
    return 0;
}
