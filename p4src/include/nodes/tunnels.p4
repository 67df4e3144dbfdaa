// SPDX-License-Identifier: Apache-2.0
// Part of the main control: other ends of tunnels. The sources behind one are those that `destinations` (with `mask`) sends to
// `next_hop`, so a node needs no rows of its own for them.

    action tunnel_peer(bit<32> next_hop, bit<32> mask) {
        hdr.tunnel.next_hop = next_hop;
        hdr.destination.mask = mask;
        hdr.destination.prefix = hdr.inner_ipv4.src_ip & mask;
    }

    action no_tunnel() {
        meta.drop_reason = DROP_TUNNEL;
    }

    table tunnels {
        key = {
            hdr.tunnel.outer_src: exact @name("outer_src");
            hdr.tunnel.vni: exact @name("vni");
        }
        actions = {
            tunnel_peer;
            @defaultonly no_tunnel;
        }
        const default_action = no_tunnel;
        size = 16384;
    }
