// SPDX-License-Identifier: Apache-2.0
// Part of the main control: where packets go that are not for a pod of this node.

    action to_port(PortId_t port, bit<48> src_mac, bit<48> dst_mac) {
        hdr.ethernet.src_mac = src_mac;
        hdr.ethernet.dst_mac = dst_mac;
        send_to_port(port);
    }

    action to_next_hop(bit<32> next_hop) {
        hdr.hop.named = HOP_KNOWN;
        hdr.hop.id = next_hop;
    }

    // A prefix that the nodes share: `mask` is that of the ranges in `destinations`, `next_hop` is for addresses in none of them.
    action to_destination(bit<32> mask, bit<32> next_hop) {
        hdr.hop.named = HOP_OF_DESTINATION;
        hdr.hop.id = next_hop;
        hdr.destination.mask = mask;
        hdr.destination.prefix = hdr.ipv4.dst_ip & mask;
    }

    // The virtual router's own address.
    action to_gateway() {
        meta.drop_reason = DROP_GATEWAY;
    }

    // The node's own ranges: an address that is not in `pods` and has no longer prefix does not exist.
    action unassigned() {
        meta.drop_reason = DROP_UNASSIGNED;
    }

    // Addresses that no router forwards.
    action never_routed() {
        meta.drop_reason = DROP_BAD_DESTINATION;
    }

    action no_route() {
        meta.drop_reason = DROP_NO_ROUTE;
    }

    table routes {
        key = {
            hdr.ipv4.dst_ip: lpm @name("dst_ip");
        }
        actions = {
            to_port;
            to_next_hop;
            to_destination;
            to_gateway;
            unassigned;
            never_routed;
            @defaultonly no_route;
        }
        const default_action = no_route;
        size = 16384;
    }

    // Ranges of other nodes. Exact, because the ranges of one prefix have the same size: no lpm row per node.
    action destination(bit<32> next_hop) {
        hdr.hop.id = next_hop;
    }

    action no_destination() {
    }

    table destinations {
        key = {
            hdr.destination.prefix: exact @name("prefix");
            hdr.destination.mask: exact @name("mask");
        }
        actions = {
            destination;
            @defaultonly no_destination;
        }
        const default_action = no_destination;
        size = 65536;
    }
