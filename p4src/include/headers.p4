// SPDX-License-Identifier: Apache-2.0
// What is on the wire. Fields narrower than a byte are kept whole (version and IHL, flags and offset): the DPDK target works on bytes.

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP = 0x0806;

const bit<8> PROTOCOL_ICMP = 1;
const bit<8> PROTOCOL_TCP = 6;
const bit<8> PROTOCOL_UDP = 17;
const bit<8> PROTOCOL_SCTP = 132;

const bit<8> ICMP_ECHO_REPLY = 0;
const bit<8> ICMP_UNREACHABLE = 3;
const bit<8> ICMP_ECHO_REQUEST = 8;
const bit<8> ICMP_TIME_EXCEEDED = 11;
const bit<8> ICMP_PARAMETER_PROBLEM = 12;
const bit<8> ICMP_PORT_UNREACHABLE = 3;

// The sums of what is the same in the IPv4 header of every answer: 0x4500, the length, 0x4000 (don't fragment), TTL 64 and the protocol.
const bit<16> IPV4_RESET = 0xc52e;
const bit<16> IPV4_UNREACHABLE = 0xc539;

const bit<8> TCP_FIN = 0x01;
const bit<8> TCP_SYN = 0x02;
const bit<8> TCP_RST = 0x04;
const bit<8> TCP_PSH = 0x08;
const bit<8> TCP_ACK = 0x10;

// IEEE 802.3
header ethernet_t {
    bit<48> dst_mac;
    bit<48> src_mac;
    bit<16> ether_type;
}

// RFC 826, for Ethernet and IPv4
header arp_t {
    bit<16> hardware_type;
    bit<16> protocol_type;
    bit<8>  hardware_length;
    bit<8>  protocol_length;
    bit<16> operation;
    bit<48> sender_mac;
    bit<32> sender_ip;
    bit<48> target_mac;
    bit<32> target_ip;
}

// RFC 791, without options
header ipv4_t {
    bit<8>  version_ihl;
    bit<8>  dscp_ecn;
    bit<16> total_length;
    bit<16> identification;
    bit<16> flags_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src_ip;
    bit<32> dst_ip;
}

// RFC 792
header icmp_t {
    bit<8>  type;
    bit<8>  code;
    bit<16> checksum;
    bit<16> identifier;
    bit<16> sequence;
}

// The eight bytes of layer 4 that an ICMP error quotes at least: of TCP, UDP and SCTP the ports come first; the last word is
// UDP's checksum. Of an echo: type and code, checksum, identifier, sequence.
header quoted_l4_t {
    bit<16> first;
    bit<16> second;
    bit<16> third;
    bit<16> fourth;
}

// RFC 9293, without options
header tcp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<32> sequence;
    bit<32> acknowledgment;
    bit<8>  data_offset;
    bit<8>  flags;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent;
}

// RFC 768
header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length;
    bit<16> checksum;
}

// RFC 9260, the common header
header sctp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<32> verification_tag;
    bit<32> checksum;
}

// The headers below are scratch: never parsed, never emitted. They spare metadata, of which there are 256 bytes. DPDK doesn't
// clear them, so what is read was written by the same packet.

// The sender's claims, in one piece: a key of fields from several structs would be copied.
header guard_t {
    bit<32> port;
    bit<48> mac;
    // Of an IP packet its source, of an ARP request its sender (of a probe its target), else 0.
    bit<32> ip;
}

// For one comparison or exchange at a time.
header work_t {
    bit<8>  bits;
    bit<16> wide;
    bit<32> address;
}

// What is looked up where a row is missing, whether it is being replaced: a destination, or a backend's id.
const bit<8> HELD_ADDRESS = 1;
const bit<8> HELD_BACKEND = 2;

header held_t {
    bit<8>  kind;
    bit<32> value;
}

// What a flow's hashes are made of.
header hashed_t {
    bit<32> client_ip;
    bit<16> client_port;
    bit<8>  outside;
    bit<32> service_ip;
    bit<16> service_port;
    bit<8>  protocol;
}

// What a packet's fragments have in common; valid of a fragment only.
header fragment_t {
    bit<32> src_ip;
    bit<32> dst_ip;
    bit<16> identification;
    bit<8>  protocol;
    // 1: the fragment with layer 4's header.
    bit<8>  first;
    // Whether the first one was seen: FRAGMENT_UNKNOWN and others.
    bit<8>  known;
    bit<16> client_port;
    bit<16> service_port;
}

// An ICMP message of the pipeline's own.
header answer_t {
    // Key of what limits them: who gets it, what, and one of several that he may get at a time.
    bit<32> address;
    bit<16> kind;
    bit<16> slot;
    // The slot was used a moment ago.
    bit<8>  limited;
    // Type and code.
    bit<16> message;
    bit<32> source;
    bit<32> reason;
    bit<16> mtu;
}

// What a translated packet was before. (Its source is in `guard`.)
header before_t {
    bit<32> dst_ip;
    bit<16> src_port;
    bit<16> dst_port;
}

// What is cut out of a packet that an error is made of, so that the error is no larger: its place is needed for what comes before.
// Parsed of packets that are large enough for that to matter.
header body_t {
    bit<64> first;
    bit<64> second;
    bit<64> third;
    bit<32> fourth;
}

const bit<16> MESSAGE_NONE = 0;
const bit<16> MESSAGE_NO_NETWORK = 0x0300;
const bit<16> MESSAGE_NO_HOST = 0x0301;
const bit<16> MESSAGE_NO_PORT = 0x0303;
const bit<16> MESSAGE_TOO_BIG = 0x0304;
const bit<16> MESSAGE_ECHO_REPLY = 0xffff;
const bit<16> MESSAGE_TTL_EXPIRED = 0x0b00;

const bit<8> FRAGMENT_UNKNOWN = 0;
const bit<8> FRAGMENT_KNOWN = 1;
// Another packet of the same sender had the same identification a moment ago.
const bit<8> FRAGMENT_COLLIDES = 2;

// What is known of the packet and its flow.
header flow_t {
    // Set by source_guard: the claim is this port's own.
    bit<8>  guarded;
    bit<32> frontend_id;
    bit<8>  frontend_pool;
    // A packet that may begin a flow.
    bit<8>  starts;
    bit<8>  learn;
    // The flow was learned before.
    bit<8>  pinned;
    bit<8>  moves;
    bit<8>  on_host;
    // Whether a way back has to be this flow's, and whether it leads to another.
    bit<8>  compare;
    bit<8>  collides;
    // A reply of a tracked flow.
    bit<8>  found;
}

// How a backend is chosen.
header choice_t {
    bit<16> buckets;
    // Buckets of the set's succession; 0: it has none of its own.
    bit<16> succession;
    bit<32> hash;
    // Whether the flow moved before, where it was seen last, and the backend before the one that it moves to.
    bit<8>  has_moved;
    bit<32> last_backend;
    bit<32> former_backend;
    bit<8>  sticky;
}

// A pool's ports.
header range_t {
    bit<16> first_port;
    bit<16> ports;
    bit<16> port_mask;
    bit<16> port_step;
    bit<16> attempt;
}

// A flow's slot of registers, and what the packet says about it.
header slot_t {
    bit<8>  due;
    bit<8>  kind;
    bit<8>  of_server;
    bit<8>  believed;
    bit<8>  changed;
    bit<8>  counted;
    bit<32> first;
    bit<32> owner;
    // The state as it was, and as the packet makes it.
    bit<32> known;
    bit<32> state;
    // That of the flow which had the slot before.
    bit<32> displaced;
    bit<32> closes;
    bit<32> speaks;
    bit<32> spoken_to;
    bit<32> near;
    bit<32> sent;
}

// What a port has of the learned tables. The MAC address is a pod's, so that the next pod of a port begins anew.
header share_t {
    bit<8>  kind;
    bit<32> port;
    bit<48> mac;
    bit<8>  fresh;
    bit<32> count;
    bit<32> limit;
}

// What a learned way back says.
header back_t {
    bit<32> frontend_id;
    bit<32> backend_id;
    bit<32> client_ip;
    bit<16> client_port;
    bit<8>  outside;
}

struct headers_t {
    ethernet_t ethernet;
    arp_t      arp;
    ipv4_t     ipv4;
    icmp_t     icmp;
    // What an ICMP error quotes. Those of the pipeline's own errors quote layer 4 in its header below.
    ipv4_t     quoted;
    quoted_l4_t quoted_l4;
    tcp_t      tcp;
    udp_t      udp;
    sctp_t     sctp;
    body_t     body;
    guard_t    guard;
    work_t     work;
    hashed_t   hashed;
    held_t     held;
    flow_t     flow;
    choice_t   choice;
    range_t    range;
    back_t     back;
    slot_t     slot;
    share_t    share;
    fragment_t fragment;
    answer_t   answer;
    before_t   before;
}
