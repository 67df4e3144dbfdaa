// SPDX-License-Identifier: Apache-2.0
// Part of the main control: next hops. A neighbour is one row, and so is a node: a new MAC address is one change.

    // How many packets have been sent to neighbours that are not resolved.
    Register<bit<16>, bit<32>>(1) neighbor_packets;

    // The MTU of an encapsulated packet was checked with its tunnel.
    action direct(PortId_t port, bit<48> src_mac, bit<48> dst_mac, bit<16> mtu) {
        hdr.ethernet.src_mac = src_mac;
        hdr.ethernet.dst_mac = dst_mac;
        if (hdr.hop.inside == 0) {
            hdr.answer.mtu = mtu;
            if (hdr.ipv4.total_length > mtu) {
                meta.drop_reason = DROP_TOO_BIG;
            }
        }
        send_to_port(port);
    }

    // The neighbour's MAC address is unknown. The ACC's kernel forwards the packet and resolves the neighbour.
    action unresolved(PortId_t port, bit<48> src_mac, bit<48> dst_mac) {
        hdr.ethernet.src_mac = src_mac;
        hdr.ethernet.dst_mac = dst_mac;
        hdr.hop.unresolved = 1;
        send_to_port(port);
    }

    // `via` is the next hop of the outer packet. `mtu` is that of the inner packet. `header_sum` is the sum over the constant part of the
    // outer IPv4 header, not inverted; `route.p4` completes it.
    action vxlan(bit<32> via, bit<32> src_ip, bit<32> dst_ip, bit<48> inner_src_mac, bit<48> inner_dst_mac, bit<32> vni, bit<16> udp_port,
        @name("header_sum") bit<16> outer_sum, bit<16> mtu)
    {
        hdr.answer.mtu = mtu;
        if (hdr.hop.inside == 1) {
            // No tunnels in tunnels.
            meta.drop_reason = DROP_NO_ROUTE;
        } else if (hdr.ipv4.total_length > mtu) {
            meta.drop_reason = DROP_TOO_BIG;
        } else {
            hdr.encapsulation.setValid();
            hdr.encapsulation.version_ihl = IPV4_PLAIN_HEADER;
            hdr.encapsulation.dscp_ecn = hdr.ipv4.dscp_ecn;
            hdr.encapsulation.total_length = hdr.ipv4.total_length + 50;
            hdr.encapsulation.identification = 0;
            hdr.encapsulation.flags_offset = 0x4000;
            hdr.encapsulation.ttl = 64;
            hdr.encapsulation.protocol = PROTOCOL_UDP;
            hdr.encapsulation.src_ip = src_ip;
            hdr.encapsulation.dst_ip = dst_ip;
            hdr.encapsulation.src_port = 0;
            hdr.encapsulation.dst_port = udp_port;
            hdr.encapsulation.udp_length = hdr.ipv4.total_length + 30;
            hdr.encapsulation.udp_checksum = 0;
            hdr.encapsulation.vxlan_flags = VXLAN_HAS_VNI;
            hdr.encapsulation.vni = vni;
            hdr.encapsulation.dst_mac = inner_dst_mac;
            hdr.encapsulation.src_mac = inner_src_mac;
            hdr.encapsulation.ether_type = ETHERTYPE_IPV4;
            hdr.encapsulation.checksum = outer_sum;
            hdr.hop.id = via;
        }
    }

    action no_next_hop() {
        meta.drop_reason = DROP_NO_ROUTE;
    }

    table next_hops {
        key = {
            hdr.hop.id: exact @name("id");
        }
        actions = {
            direct;
            vxlan;
            unresolved;
            @defaultonly no_next_hop;
        }
        const default_action = no_next_hop;
        size = 16384;
    }
