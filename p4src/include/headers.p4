// SPDX-License-Identifier: Apache-2.0
// Headers on the wire. Fields smaller than a byte are combined (version and IHL, flags and offset): the DPDK target works on bytes.

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP = 0x0806;

const bit<8> PROTOCOL_ICMP = 1;
const bit<8> PROTOCOL_IPIP = 4;
const bit<8> PROTOCOL_TCP = 6;
const bit<8> PROTOCOL_UDP = 17;
const bit<8> PROTOCOL_SCTP = 132;

const bit<8> ICMP_ECHO_REPLY = 0;
const bit<8> ICMP_UNREACHABLE = 3;
const bit<8> ICMP_ECHO_REQUEST = 8;
const bit<8> ICMP_TIME_EXCEEDED = 11;
const bit<8> ICMP_PARAMETER_PROBLEM = 12;
const bit<8> ICMP_PORT_UNREACHABLE = 3;

// The sums over the constant part of every answer's IPv4 header: 0x4500, the length, 0x4000 (don't fragment), TTL 64 and the protocol.
const bit<16> IPV4_RESET = 0xc52e;
const bit<16> IPV4_UNREACHABLE = 0xc539;

// VXLAN by IANA, and the Linux kernel's default, which flannel uses.
const bit<16> PORT_VXLAN = 4789;
const bit<16> PORT_VXLAN_LINUX = 8472;
const bit<32> VXLAN_HAS_VNI = 0x08000000;
const bit<16> FIRST_DYNAMIC_PORT = 0xc000;

// RFC 3168
const bit<8> ECN_MASK = 3;
const bit<8> ECN_NONE = 0;
const bit<8> ECN_ECT_1 = 1;
const bit<8> ECN_ECT_0 = 2;
const bit<8> ECN_CE = 3;

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

// The eight bytes of layer 4 that every ICMP error quotes: TCP, UDP and SCTP start with the ports; the last word is
// the UDP checksum. For an echo: type and code, checksum, identifier, sequence.
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

// RFC 7348, with the inner Ethernet header that always follows.
header vxlan_t {
    bit<32> flags;
    // The VXLAN network identifier is the upper 24 bits.
    bit<32> vni;
    bit<48> dst_mac;
    bit<48> src_mac;
    bit<16> ether_type;
}

// What encapsulation inserts between the Ethernet header and the IPv4 header: IPv4, UDP, VXLAN and the inner Ethernet header.
// (One header, so that it is pushed and emitted at once.)
header encapsulation_t {
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
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> udp_length;
    bit<16> udp_checksum;
    bit<32> vxlan_flags;
    bit<32> vni;
    bit<48> dst_mac;
    bit<48> src_mac;
    bit<16> ether_type;
}

// RFC 9260, the common header
header sctp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<32> verification_tag;
    bit<32> checksum;
}

// The headers below are scratch: never parsed, never emitted. They save metadata, which is limited to 256 bytes. DPDK doesn't
// clear them, so every field must be written before it is read.

// The sender's claimed identity, contiguous: a key of fields from several structs would be copied.
header guard_t {
    bit<32> port;
    bit<48> mac;
    // The source of an IP packet, the sender of an ARP request (the target of a probe), else 0.
    bit<32> ip;
}

// Temporaries for a single comparison or exchange.
header work_t {
    bit<8>  bits;
    bit<16> wide;
    bit<32> address;
}

// The tunnel end at an uplink; address 0: none.
header uplink_t {
    bit<32> tunnel_ip;
    bit<48> tunnel_mac;
    bit<16> tunnel_port;
}

// Valid for packets that may be encapsulated: to a UDP port of VXLAN, or IP in IP.
header tunnel_t {
    // Key of the peer: the outer source and the VNI.
    bit<32> outer_src;
    bit<32> vni;
    // The UDP port, or 0.
    bit<16> port;
    // The next hop that leads to the peer.
    bit<32> next_hop;
    // The UDP length by the IP header, and the room for an inner packet.
    bit<16> length;
    bit<16> room;
    // Zero for packets of less than 64 bytes.
    bit<16> long;
    // The bit that says that there is a VNI.
    bit<32> flags;
    // Congestion notification of both packets.
    bit<8>  ecn;
    bit<8>  inner_ecn;
}

// Key of a range of addresses on another node.
header destination_t {
    bit<32> prefix;
    bit<32> mask;
}

const bit<8> HOP_NONE = 0;
const bit<8> HOP_KNOWN = 1;
const bit<8> HOP_OF_DESTINATION = 2;

// The way to the next hop.
header hop_t {
    bit<32> id;
    // HOP_…: how the route names it.
    bit<8>  named;
    // The tunnel of the packet is known; the next hop is that of the outer packet.
    bit<8>  inside;
    bit<8>  unresolved;
    // The destination that the limit for unresolved neighbours is about.
    bit<32> address;
}

// Lookup key to check whether a missing entry is being replaced: a destination, or a backend's id.
const bit<8> HELD_ADDRESS = 1;
const bit<8> HELD_BACKEND = 2;

header held_t {
    bit<8>  kind;
    bit<32> value;
}

// Input of a flow's hashes.
header hashed_t {
    bit<32> client_ip;
    bit<16> client_port;
    bit<8>  outside;
    bit<32> service_ip;
    bit<16> service_port;
    bit<8>  protocol;
}

// The common fields of a packet's fragments; valid for fragments only.
header fragment_t {
    bit<32> src_ip;
    bit<32> dst_ip;
    bit<16> identification;
    bit<8>  protocol;
    // 1: the fragment with the layer-4 header.
    bit<8>  first;
    // Whether the first fragment was seen: FRAGMENT_UNKNOWN and others.
    bit<8>  known;
    bit<16> client_port;
    bit<16> service_port;
}

// The pipeline's own ICMP message.
header answer_t {
    // Key of the rate limit: receiver, message, and one of several slots per receiver.
    bit<32> address;
    bit<16> kind;
    bit<16> slot;
    // Whether a slot that is free is now taken.
    bit<8>  takes;
    // The free slot of the receiver, while the limit of all is checked.
    bit<16> own_slot;
    // The slot was used recently.
    bit<8>  limited;
    // The receiver may be beyond the uplink.
    bit<8>  beyond;
    // Type and code.
    bit<16> message;
    bit<32> source;
    bit<32> reason;
    bit<16> mtu;
}

// The packet before translation. (Its source is in `guard`.)
header before_t {
    bit<32> dst_ip;
    bit<16> src_port;
    bit<16> dst_port;
}

// The part that is cut out of a packet when it becomes an error message, to make room for the new headers in front.
// Parsed only for packets that are large enough for this to matter.
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

// Not a message: a packet to a neighbour whose MAC address is unknown.
const bit<16> TO_NEIGHBOR = 0xfffe;
const bit<16> TO_ANY_NEIGHBOR = 0xfffd;

const bit<8> FRAGMENT_UNKNOWN = 0;
const bit<8> FRAGMENT_KNOWN = 1;
// Another packet of the same sender recently had the same identification.
const bit<8> FRAGMENT_COLLIDES = 2;

// State of the packet and its flow.
header flow_t {
    // Set by source_guard: the claimed identity belongs to this port.
    bit<8>  guarded;
    bit<32> frontend_id;
    bit<8>  frontend_pool;
    // The packet may start a flow.
    bit<8>  starts;
    bit<8>  learn;
    // The flow is already learned.
    bit<8>  pinned;
    bit<8>  moves;
    bit<8>  on_host;
    // Whether a return path must belong to this flow, and whether it leads to another flow.
    bit<8>  compare;
    bit<8>  collides;
    // The packet is a reply of a tracked flow.
    bit<8>  found;
    // More than the TTL changes: the packet is translated, or answered.
    bit<8>  rewritten;
}

// Selection of a backend.
header choice_t {
    bit<16> buckets;
    // Number of buckets of the set's succession; 0 if it has no separate one.
    bit<16> succession;
    bit<32> hash;
    // Whether the flow moved before, its last known backend, and the backend before the one it moves to.
    bit<8>  has_moved;
    bit<32> last_backend;
    bit<32> former_backend;
    // Session affinity: STICKY_…, when it ends, the time (in ms), how long ago the client's last new connection was, and its slot.
    bit<8>  sticky;
    bit<32> max_age;
    bit<32> now;
    bit<32> age;
    bit<32> slot;
}

// Where traffic of a pod leaves to, and the pool of its source address there. `exempt`: the flow was opened from outside
// directly to a pod, whose answers keep their source.
header leaving_t {
    bit<32> ip;
    bit<8>  pool;
    bit<8>  exempt;
}

// A pool's ports.
header range_t {
    bit<16> first_port;
    bit<16> ports;
    bit<16> port_mask;
    bit<16> port_step;
    bit<16> attempt;
}

// A flow's register slot, and the packet's effect on it.
header slot_t {
    bit<8>  due;
    bit<8>  kind;
    bit<8>  of_server;
    bit<8>  believed;
    bit<8>  changed;
    bit<8>  counted;
    bit<32> first;
    bit<32> owner;
    // The old state, and the new state after this packet.
    bit<32> known;
    bit<32> state;
    // The port of the flow that had the slot before.
    bit<32> displaced;
    bit<32> closes;
    bit<32> speaks;
    bit<32> spoken_to;
    bit<32> near;
    bit<32> sent;
}

// A port's use of the learned tables. Keyed by the pod's MAC address, so that a port's next pod starts from zero.
header share_t {
    bit<8>  kind;
    bit<32> port;
    bit<48> mac;
    bit<8>  fresh;
    bit<32> count;
    bit<32> limit;
}

// A pod whose policy is not known yet has this set, in either direction. (Even: denied, like a set without rows.)
const bit<32> SET_PENDING = 0xfffffffe;

const bit<32> VERDICT_DENY = 0;
const bit<32> VERDICT_ALLOW = 1;

const bit<16> ICMP_ECHO = 0x0800;

// Who began a flow: the sender; the other end; or, by the ports alone, probably the other end.
const bit<8> BEGAN_SENDER = 0;
const bit<8> BEGAN_OTHER = 1;
const bit<8> BEGAN_OTHER_PERHAPS = 2;

// Which of a packet's pods are isolated, combined: that of the port where it came in, and its destination.
const bit<8> ISOLATED_HERE = 1;
const bit<8> ISOLATED_THERE = 2;

// What `pods` has for the destination.
const bit<8> POD_NONE = 0;
const bit<8> POD_PLAIN = 1;
const bit<8> POD_ISOLATED = 2;

// Network policy. The sets and the class are in this order, so that the keys of both directions are contiguous.
header judge_t {
    // The sets that judge the flow, 0 if none does: of the pod that began it, and of the pod that it goes to.
    bit<32> egress_set;
    bit<32> peer_class;
    bit<32> ingress_set;
    bit<32> group_id;
    bit<16> port_number;
    // The peer that is looked up.
    bit<32> peer_ip;
    bit<8>  transport;
    bit<16> l4_port;
    // ISOLATED_…: 0 if no policy applies. Nothing else here but `pod` is valid then.
    bit<8>  isolated;
    // The sets of the port where the packet came in, if its pod is isolated.
    bit<32> own_egress;
    bit<32> own_ingress;
    // The destination that was looked up last, POD_…, and its sets if it is isolated.
    bit<8>  pod;
    bit<32> there_egress;
    bit<32> there_ingress;
    // BEGAN_…
    bit<8>  began;
    // The source port of the packet as it came in, and the type and code of an ICMP message.
    bit<16> source_port;
    bit<16> icmp_kind;
    bit<32> client;
    bit<32> server;
    bit<32> verdict;
    bit<32> rule_id;
}

// Data of a learned return path.
header back_t {
    // The client is the node itself.
    bit<8>  from_node;
    bit<32> frontend_id;
    bit<32> backend_id;
    bit<32> client_ip;
    bit<16> client_port;
    bit<8>  outside;
}

struct headers_t {
    ethernet_t ethernet;
    arp_t      arp;
    encapsulation_t encapsulation;
    ipv4_t     ipv4;
    icmp_t     icmp;
    // The packet quoted by an ICMP error. The pipeline's own errors quote layer 4 in its header below.
    ipv4_t     quoted;
    quoted_l4_t quoted_l4;
    tcp_t      tcp;
    udp_t      udp;
    vxlan_t    vxlan;
    ipv4_t     inner_ipv4;
    sctp_t     sctp;
    body_t     body;
    guard_t    guard;
    work_t     work;
    hashed_t   hashed;
    held_t     held;
    flow_t     flow;
    choice_t   choice;
    leaving_t  leaving;
    range_t    range;
    back_t     back;
    slot_t     slot;
    share_t    share;
    judge_t    judge;
    fragment_t fragment;
    answer_t   answer;
    before_t   before;
    uplink_t   uplink;
    tunnel_t   tunnel;
    destination_t destination;
    hop_t      hop;
}
