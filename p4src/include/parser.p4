// SPDX-License-Identifier: Apache-2.0

parser packet_parser(
    packet_in pkt,
    out headers_t hdr,
    inout metadata_t meta,
    in pna_main_parser_input_metadata_t istd)
{
    // The flow's row of the metadata is filled here: what the control assigns, p4c would copy once more to make a key of it.
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

    // RFC 5227: a probe claims no sender, it asks whether its target is free.
    state parse_probe {
        hdr.guard.ip = hdr.arp.target_ip;
        transition accept;
    }

    // Only the first fragment has a layer-4 header, and only without options is it where we look.
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

    state parse_fragment {
        transition select(hdr.ipv4.flags_offset & 0x1fff) {
            0: parse_protocol;
            default: accept;
        }
    }

    state parse_protocol {
        transition select(hdr.ipv4.protocol) {
            PROTOCOL_ICMP: parse_icmp;
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_SCTP: parse_sctp;
            default: accept;
        }
    }

    // An echo's identifier stands for the client's port.
    state parse_icmp {
        pkt.extract(hdr.icmp);
        transition select(hdr.icmp.type) {
            ICMP_ECHO_REQUEST: parse_echo_request;
            ICMP_ECHO_REPLY: parse_echo_reply;
            default: accept;
        }
    }

    state parse_echo_request {
        meta.protocol = PROTOCOL_ICMP;
        meta.client_port = hdr.icmp.identifier;
        transition accept;
    }

    state parse_echo_reply {
        meta.protocol = PROTOCOL_ICMP;
        meta.service_port = hdr.icmp.identifier;
        transition accept;
    }

    state parse_tcp {
        pkt.extract(hdr.tcp);
        meta.protocol = PROTOCOL_TCP;
        meta.client_port = hdr.tcp.src_port;
        meta.service_port = hdr.tcp.dst_port;
        transition accept;
    }

    state parse_udp {
        pkt.extract(hdr.udp);
        meta.protocol = PROTOCOL_UDP;
        meta.client_port = hdr.udp.src_port;
        meta.service_port = hdr.udp.dst_port;
        transition accept;
    }

    state parse_sctp {
        pkt.extract(hdr.sctp);
        meta.protocol = PROTOCOL_SCTP;
        meta.client_port = hdr.sctp.src_port;
        meta.service_port = hdr.sctp.dst_port;
        transition accept;
    }
}
