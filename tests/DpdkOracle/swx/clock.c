// The pipeline reads the time stamp counter with an instruction, which can't be replaced by a function. While packets run,
// reading the counter traps and the handler returns a clock that only commands advance: learners and meters become
// deterministic and need no waiting. This works on x86-64 Linux only; elsewhere `advance` is rejected.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "swx.h"

#if defined(__x86_64__) && defined(__linux__)

#include <sys/prctl.h>
#include <ucontext.h>

// More than two seconds after 0, which learners treat as "never".
static uint64_t now = 1ull << 40;
static bool available;

static void on_fault(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *instruction = (const uint8_t *)registers[REG_RIP];

    (void)info;
    if (instruction[0] != 0x0F || instruction[1] != 0x31) { // not rdtsc: a real fault, which recurs and terminates the program
        signal(number, SIG_DFL);
        return;
    }
    registers[REG_RAX] = (uint32_t)now;
    registers[REG_RDX] = (uint32_t)(now >> 32);
    registers[REG_RIP] += 2;
}

bool clock_start(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    available = !sigaction(SIGSEGV, &action, NULL) && !prctl(PR_SET_TSC, PR_TSC_SIGSEGV) &&
        !prctl(PR_SET_TSC, PR_TSC_ENABLE);
    return available;
}

void clock_enter(void)
{
    if (available)
        prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
}

void clock_leave(void)
{
    if (available)
        prctl(PR_SET_TSC, PR_TSC_ENABLE);
}

void clock_advance(uint64_t milliseconds)
{
    if (!available)
        die("the time stamp counter can't be replaced on this machine");
    // Whole seconds first, because the product would overflow.
    now += milliseconds / 1000 * rte_get_tsc_hz() + milliseconds % 1000 * rte_get_tsc_hz() / 1000;
}

#else

bool clock_start(void)
{
    return false;
}

void clock_enter(void)
{
}

void clock_leave(void)
{
}

void clock_advance(uint64_t milliseconds)
{
    (void)milliseconds;
    die("the time stamp counter can't be replaced on this machine");
}

#endif
