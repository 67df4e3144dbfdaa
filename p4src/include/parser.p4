// SPDX-License-Identifier: Apache-2.0

parser packet_parser(
    packet_in pkt,
    out headers_t hdr,
    inout metadata_t meta,
    in pna_main_parser_input_metadata_t istd)
{
    // The flow's metadata is filled here: p4c would copy fields assigned in the control again to build a key.
    state start {
        meta.protocol = 0;
        meta.client_port = 0;
        meta.service_port = 0;
        hdr.guard.setValid();
        hdr.work.setValid();
        hdr.hashed.setValid();
        pkt.extract(hdr.ethernet);
        hdr.guard.mac = hdr.ethernet.src_mac;
        hdr.guard.ip = 0;
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_ARP: parse_arp;
            ETHERTYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    state parse_arp {
        pkt.extract(hdr.arp);
        hdr.guard.ip = hdr.arp.sender_ip;
        transition select(hdr.arp.sender_ip) {
            0: parse_probe;
            default: accept;
        }
    }

    // RFC 5227: a probe claims no sender address; it asks whether its target is free.
    state parse_probe {
        hdr.guard.ip = hdr.arp.target_ip;
        transition accept;
    }

    // The layer-4 header is at the expected offset only without options.
    state parse_ipv4 {
        pkt.extract(hdr.ipv4);
        meta.client_ip = hdr.ipv4.src_ip;
        hdr.guard.ip = hdr.ipv4.src_ip;
        meta.service_ip = hdr.ipv4.dst_ip;
        transition select(hdr.ipv4.version_ihl) {
            0x45: parse_fragment;
            default: accept;
        }
    }

    // (Separate values: a mask would take metadata. The upper bit is reserved.)
    state parse_fragment {
        transition select(hdr.ipv4.flags_offset) {
            0x4000: parse_protocol;
            0x0000: parse_protocol;
            0x8000: parse_protocol;
            0xc000: parse_protocol;
            0x2000: parse_first_fragment;
            0x6000: parse_first_fragment;
            0xa000: parse_first_fragment;
            0xe000: parse_first_fragment;
            default: parse_later_fragment;
        }
    }

    // A fragment of less than 64 bytes may lack part of the layer-4 header. No link has such a small MTU (RFC 791, 3.2).
    state parse_first_fragment {
        hdr.fragment.setValid();
        hdr.fragment.src_ip = hdr.ipv4.src_ip;
        hdr.fragment.dst_ip = hdr.ipv4.dst_ip;
        hdr.fragment.identification = hdr.ipv4.identification;
        hdr.fragment.protocol = hdr.ipv4.protocol;
        hdr.fragment.first = 1;
        transition select(hdr.ipv4.total_length) {
            0x0000 &&& 0xffc0: accept;
            default: parse_protocol;
        }
    }

    // It has the ports of the first fragment.
    state parse_later_fragment {
        hdr.fragment.setValid();
        hdr.fragment.src_ip = hdr.ipv4.src_ip;
        hdr.fragment.dst_ip = hdr.ipv4.dst_ip;
        hdr.fragment.identification = hdr.ipv4.identification;
        hdr.fragment.protocol = hdr.ipv4.protocol;
        hdr.fragment.first = 0;
        meta.protocol = hdr.ipv4.protocol;
        transition accept;
    }

    state parse_protocol {
        transition select(hdr.ipv4.protocol) {
            PROTOCOL_ICMP: parse_icmp;
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_SCTP: parse_sctp;
            PROTOCOL_IPIP: parse_ipip;
            default: accept;
        }
    }

    state parse_ipip {
        hdr.tunnel.setValid();
        hdr.tunnel.port = 0;
        transition accept;
    }

    // An echo's identifier takes the place of the client's port.
    state parse_icmp {
        hdr.judge.setValid();
        hdr.judge.icmp_kind = pkt.lookahead<bit<16>>();
        pkt.extract(hdr.icmp);
        transition select(hdr.icmp.type) {
            ICMP_ECHO_REQUEST: parse_echo_request;
            ICMP_ECHO_REPLY: parse_echo_reply;
            ICMP_UNREACHABLE: parse_error;
            ICMP_TIME_EXCEEDED: parse_error;
            ICMP_PARAMETER_PROBLEM: parse_error;
            default: accept;
        }
    }

    state parse_error {
        pkt.extract(hdr.quoted);
        transition select(hdr.quoted.version_ihl) {
            0x45: parse_quoted_fragment;
            default: accept;
        }
    }

    // (Separate values: a mask would take metadata.)
    state parse_quoted_fragment {
        transition select(hdr.quoted.flags_offset) {
            0x0000: parse_quoted_l4;
            0x4000: parse_quoted_l4;
            0x2000: parse_quoted_l4;
            default: accept;
        }
    }

    // An error is handled like a packet of the quoted packet's flow in the opposite direction: from receiver to sender.
    state parse_quoted_l4 {
        pkt.extract(hdr.quoted_l4);
        meta.client_ip = hdr.quoted.dst_ip;
        meta.service_ip = hdr.quoted.src_ip;
        transition select(hdr.quoted.protocol) {
            PROTOCOL_TCP: parse_quoted_ports;
            PROTOCOL_UDP: parse_quoted_ports;
            PROTOCOL_SCTP: parse_quoted_ports;
            PROTOCOL_ICMP: parse_quoted_icmp;
            default: accept;
        }
    }

    state parse_quoted_ports {
        meta.protocol = hdr.quoted.protocol;
        meta.client_port = hdr.quoted_l4.second;
        meta.service_port = hdr.quoted_l4.first;
        transition accept;
    }

    state parse_quoted_icmp {
        transition select(hdr.quoted_l4.first) {
            0x0800: parse_quoted_echo;
            default: accept;
        }
    }

    state parse_quoted_echo {
        meta.protocol = PROTOCOL_ICMP;
        meta.service_port = hdr.quoted_l4.third;
        transition accept;
    }

    state parse_echo_request {
        meta.protocol = PROTOCOL_ICMP;
        meta.client_port = hdr.icmp.identifier;
        transition parse_length;
    }

    state parse_echo_reply {
        meta.protocol = PROTOCOL_ICMP;
        meta.service_port = hdr.icmp.identifier;
        transition parse_length;
    }

    state parse_tcp {
        pkt.extract(hdr.tcp);
        meta.protocol = PROTOCOL_TCP;
        meta.client_port = hdr.tcp.src_port;
        meta.service_port = hdr.tcp.dst_port;
        transition parse_length;
    }

    state parse_udp {
        pkt.extract(hdr.udp);
        transition select(hdr.udp.dst_port) {
            PORT_VXLAN: parse_tunnel;
            PORT_VXLAN_LINUX: parse_tunnel;
            default: parse_datagram;
        }
    }

    state parse_datagram {
        meta.protocol = PROTOCOL_UDP;
        meta.client_port = hdr.udp.src_port;
        meta.service_port = hdr.udp.dst_port;
        transition parse_length;
    }

    // Whether it is encapsulated is decided in the control. A shorter packet cannot have all headers up to the inner IPv4 header; it may
    // still be plain UDP. No flow: the protocol stays 0.
    state parse_tunnel {
        hdr.tunnel.setValid();
        hdr.tunnel.port = hdr.udp.dst_port;
        hdr.tunnel.outer_src = hdr.ipv4.src_ip;
        hdr.tunnel.long = hdr.ipv4.total_length & 0xffc0;
        transition select(hdr.tunnel.long) {
            0: accept;
            default: parse_long_tunnel;
        }
    }

    state parse_long_tunnel {
        transition select(hdr.ipv4.total_length) {
            64: accept;
            65: accept;
            66: accept;
            67: accept;
            68: accept;
            69: accept;
            default: parse_vxlan;
        }
    }

    // Reserved bits are ignored (RFC 7348, 5). (Values are computed here because p4c computes them again at each use in the control.)
    state parse_vxlan {
        pkt.extract(hdr.vxlan);
        pkt.extract(hdr.inner_ipv4);
        hdr.tunnel.vni = hdr.vxlan.vni & 0xffffff00;
        hdr.tunnel.flags = hdr.vxlan.flags & VXLAN_HAS_VNI;
        hdr.tunnel.length = hdr.ipv4.total_length - 20;
        hdr.tunnel.room = hdr.udp.length - 30;
        hdr.tunnel.ecn = hdr.ipv4.dscp_ecn & ECN_MASK;
        hdr.tunnel.inner_ecn = hdr.inner_ipv4.dscp_ecn & ECN_MASK;
        transition accept;
    }

    state parse_sctp {
        pkt.extract(hdr.sctp);
        meta.protocol = PROTOCOL_SCTP;
        meta.client_port = hdr.sctp.src_port;
        meta.service_port = hdr.sctp.dst_port;
        transition parse_length;
    }

    // Packets and first fragments of 1,024 bytes and more.
    state parse_length {
        transition select(hdr.ipv4.total_length) {
            0x0000 &&& 0xfc00: accept;
            default: parse_body;
        }
    }

    state parse_body {
        pkt.extract(hdr.body);
        transition accept;
    }
}
