// SPDX-License-Identifier: Apache-2.0
// Indices of the counter `drops`. The control plane shows them by these names (DropReason).

const bit<32> DROP_NONE = 0;
const bit<32> DROP_UNKNOWN_PORT = 1;
const bit<32> DROP_SPOOFED_MAC = 2;
const bit<32> DROP_SPOOFED_IP = 3;
const bit<32> DROP_SPOOFED_ARP = 4;
const bit<32> DROP_SPOOFED_POD = 5;
const bit<32> DROP_BAD_CHECKSUM = 6;
const bit<32> DROP_TTL_EXPIRED = 7;
const bit<32> DROP_NO_ROUTE = 8;
const bit<32> DROP_UNSUPPORTED_ETHERTYPE = 9;
const bit<32> DROP_IP_OPTIONS = 10;
const bit<32> DROP_MALFORMED = 11;
const bit<32> DROP_ARP_IGNORED = 12;
const bit<32> DROP_BAD_SOURCE = 13;
const bit<32> DROP_NOT_FOR_GATEWAY = 14;
const bit<32> DROP_MULTICAST = 15;

const bit<32> DROP_REASONS = 64;
