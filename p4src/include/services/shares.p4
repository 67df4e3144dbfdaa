// SPDX-License-Identifier: Apache-2.0
// Part of the main control: each port's share of the learned tables. A port's flows are counted by kind: unanswered flows,
// datagrams, and connections. A count is reset after its period, measured by a learned entry without restart; an answer moves a flow
// from the first kind to its own, and a closed connection is removed. So a port has at most twice the limit of each kind.

    Register<bit<32>, bit<32>>(SHARED_PORTS) unanswered;
    Register<bit<32>, bit<32>>(SHARED_PORTS) datagrams;
    Register<bit<32>, bit<32>>(SHARED_PORTS) open_connections;
    Register<bit<32>, bit<32>>(SHARED_PORTS) known_clients;
    Register<bit<32>, bit<32>>(SHARED_PORTS) fragmented_packets;

    action in_period() {
        hdr.share.fresh = 0;
    }

    action begin_period() {
        hdr.share.fresh = 1;
        add_entry(
            action_name = "in_period",
            action_params = {},
            expire_time_profile_id = (ExpireTimeProfileId_t) meta.period);
    }

    table periods {
        key = {
            hdr.share.kind: exact @name("kind");
            hdr.share.port: exact @name("port");
            hdr.share.mac: exact @name("mac");
        }
        actions = {
            @tableonly in_period;
            @defaultonly begin_period;
        }
        add_on_miss = true;
        idle_timeout_with_auto_delete = true;
        const default_action = begin_period;
        size = 32768;
    }

// The following reads concern the shares of the input port.
#define SHARES_OF_PORT \
    hdr.share.port = hdr.guard.port; \
    hdr.share.mac = 0; \
    if (meta.port_class == CLASS_POD) { \
        hdr.share.mac = hdr.guard.mac; \
    }

// A port's count of a kind; zero when its period is over.
#define READ_SHARE(of_kind, seconds, counts, of_a_pod, of_the_node) \
    hdr.share.kind = of_kind; \
    meta.period = seconds; \
    periods.apply(); \
    hdr.share.count = counts.read(hdr.guard.port); \
    if (hdr.share.fresh == 1) { \
        hdr.share.count = 0; \
        counts.write(hdr.guard.port, 0); \
    } \
    hdr.share.limit = of_the_node; \
    if (meta.port_class == CLASS_POD) { \
        hdr.share.limit = of_a_pod; \
    }

// Removes one flow from the port's count.
#define ONE_LESS(counts) \
    hdr.share.count = counts.read(hdr.share.port); \
    if (hdr.share.count != 0) { \
        hdr.share.count = hdr.share.count - 1; \
        counts.write(hdr.share.port, hdr.share.count); \
    }

#define ONE_MORE(counts) \
    hdr.share.count = counts.read(hdr.share.port); \
    hdr.share.count = hdr.share.count + 1; \
    counts.write(hdr.share.port, hdr.share.count);
