// Ports in memory: one packet is offered on one port, the pipeline runs until the packet has left.
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "swx.h"

struct port {
    unsigned id;
};

static struct port in_ports[PORTS_IN], out_ports[PORTS_OUT];
static uint8_t buffer[HEADROOM + FRAME_MAX + TAILROOM];
static uint32_t noise = 0x9E3779B9;
static int offered = -1; // port that has the packet
static uint32_t offered_length;
static bool gone;
// SWX frees the buffer of a dropped packet: a second reference keeps ours alive.
static struct rte_mbuf handle;
static FILE *output;

static void *create(void *argument)
{
    return argument;
}

static void release(void *port)
{
    (void)port;
}

// For `rate`: as many buffers as packets can be in flight, each with a fresh copy of the port's frame.
enum { FLIGHT = 64 };
static struct {
    uint8_t frame[256];
    uint32_t length;
} offers[PORTS_IN];
static uint8_t flight[FLIGHT][HEADROOM + 256 + TAILROOM];
static uint64_t to_send, received, sent;

static int receive_offer(struct port *port, struct rte_swx_pkt *packet)
{
    uint8_t *place;

    if (received == to_send || !offers[port->id].length)
        return 0;
    place = flight[received++ % FLIGHT];
    memcpy(place + HEADROOM, offers[port->id].frame, offers[port->id].length);
    packet->handle = &handle;
    packet->pkt = place;
    packet->offset = HEADROOM;
    packet->length = offers[port->id].length;
    return 1;
}

static int receive(void *object, struct rte_swx_pkt *packet)
{
    struct port *port = object;

    if (to_send)
        return receive_offer(port, packet);

    if (offered != (int)port->id)
        return 0;
    offered = -1;
    packet->handle = &handle;
    packet->pkt = buffer;
    packet->offset = HEADROOM;
    packet->length = offered_length;
    return 1;
}

static void write_packet(const char *what, unsigned port, const struct rte_swx_pkt *packet, uint32_t length)
{
    static const char digits[] = "0123456789abcdef";

    // A header extracted beyond the end of the packet and not emitted makes the length wrap around.
    if (packet->offset + (uint64_t)length > sizeof(buffer)) {
        fprintf(output, "%s %u beyond\n", what, port);
        return;
    }
    fprintf(output, "%s %u ", what, port);
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = packet->pkt[packet->offset + i];

        putc_unlocked(digits[byte >> 4], output);
        putc_unlocked(digits[byte & 15], output);
    }
    putc_unlocked('\n', output);
}

static void transmit(void *object, struct rte_swx_pkt *packet)
{
    struct port *port = object;

    if (to_send) {
        sent++;
        return;
    }
    gone = true;
    write_packet("out", port->id, packet, packet->length);
}

static void clone(void *object, struct rte_swx_pkt *packet, uint32_t truncation)
{
    struct port *port = object;

    write_packet("clone", port->id, packet, truncation && truncation < packet->length ? truncation : packet->length);
}

static void fast_clone(void *object, struct rte_swx_pkt *packet)
{
    clone(object, packet, 0);
}

static void no_statistics_in(void *port, struct rte_swx_port_in_stats *statistics)
{
    (void)port;
    memset(statistics, 0, sizeof(*statistics));
}

static void no_statistics_out(void *port, struct rte_swx_port_out_stats *statistics)
{
    (void)port;
    memset(statistics, 0, sizeof(*statistics));
}

static struct rte_swx_port_in_ops in_ops = {
    .create = create,
    .free = release,
    .pkt_rx = receive,
    .stats_read = no_statistics_in,
};

static struct rte_swx_port_out_ops out_ops = {
    .create = create,
    .free = release,
    .pkt_tx = transmit,
    .pkt_clone_tx = clone,
    .pkt_fast_clone_tx = fast_clone,
    .stats_read = no_statistics_out,
};

void ports_configure(struct rte_swx_pipeline *pipeline)
{
    int status = rte_swx_pipeline_port_in_type_register(pipeline, "memory", &in_ops);

    if (!status)
        status = rte_swx_pipeline_port_out_type_register(pipeline, "memory", &out_ops);
    for (unsigned i = 0; !status && i < PORTS_IN; i++) {
        in_ports[i].id = i;
        status = rte_swx_pipeline_port_in_config(pipeline, i, "memory", &in_ports[i]);
    }
    for (unsigned i = 0; !status && i < PORTS_OUT; i++) {
        out_ports[i].id = i;
        status = rte_swx_pipeline_port_out_config(pipeline, i, "memory", &out_ports[i]);
    }
    if (status)
        die("DPDK rejected the ports: %s", strerror(-status));
}

// The bytes around each packet vary, so that results that depend on them do not repeat.
static void fill_with_noise(void)
{
    for (size_t i = 0; i < sizeof(buffer); i += sizeof(noise)) {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        memcpy(&buffer[i], &noise, sizeof(noise));
    }
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void ports_run(struct rte_swx_pipeline *pipeline, unsigned port, const char *hex, FILE *out)
{
    size_t length = strlen(hex) / 2;

    if (port >= PORTS_IN || length > FRAME_MAX)
        die("bad packet");
    fill_with_noise();
    for (size_t i = 0; i < length; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            die("bad packet");
        buffer[HEADROOM + i] = high << 4 | low;
    }
    output = out;
    offered = (int)port;
    offered_length = length;
    gone = false;
    rte_mbuf_refcnt_set(&handle, 2);

    clock_enter();
    for (unsigned steps = 0; !gone && rte_mbuf_refcnt_read(&handle) == 2 && steps < STEPS_MAX; steps += 16)
        rte_swx_pipeline_run(pipeline, 16);
    clock_leave();
    if (rte_mbuf_refcnt_read(&handle) != 2)
        fputs("drop\n", out);
    else if (!gone)
        die("a packet did not leave after %u instructions", (unsigned)STEPS_MAX);
}

void ports_offer(unsigned port, const char *hex)
{
    size_t length = strlen(hex) / 2;

    if (port >= PORTS_IN || length > sizeof(offers[port].frame))
        die("bad packet");
    for (size_t i = 0; i < length; i++)
        offers[port].frame[i] = nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]);
    offers[port].length = length;
}

uint64_t ports_rate(struct rte_swx_pipeline *pipeline, uint64_t count)
{
    uint64_t started = rte_get_tsc_cycles(), steps = 0;

    to_send = count;
    received = sent = 0;
    rte_mbuf_refcnt_set(&handle, 2);
    while (sent < count && steps < count * 10000) {
        rte_swx_pipeline_run(pipeline, 1 << 12);
        steps += 1 << 12;
    }
    to_send = 0;
    if (sent < count)
        die("only %lu of %lu packets came out", sent, count);
    return (rte_get_tsc_cycles() - started) * 1000000000.0 / rte_get_tsc_hz();
}
