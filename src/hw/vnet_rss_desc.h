/* SPDX-License-Identifier: GPL-2.0-only */
/* What the device is told of hashing and spreading (virtio 1.2, 5.1.6.5.6.4 and 5.1.6.5.7). */

#ifndef SLUICE_VNET_RSS_DESC_H
#define SLUICE_VNET_RSS_DESC_H

#include <linux/virtio_net.h>
#include <sluice/backend.h>

/**
 * struct vnet_rss_head - how the command RSS_CONFIG begins; the table follows
 * @hash_types: VIRTIO_NET_RSS_HASH_TYPE_*
 * @table_mask: entries - 1
 * @unclassified: receive queue of a frame without hash
 * @table: receive queue of each entry
 */
struct vnet_rss_head {
	__le32 hash_types;
	__le16 table_mask;
	__le16 unclassified;
	__le16 table[];
};

/**
 * struct vnet_rss_tail - how it ends
 * @pairs: pairs of queues in use
 * @key_len: bytes of @key
 * @key: of the hash
 */
struct vnet_rss_tail {
	__le16 pairs;
	u8 key_len;
	u8 key[SLUICE_RSS_KEY];
} __packed;

/**
 * VNET_RSS_LONGEST - bytes of the longest command
 */
#define VNET_RSS_LONGEST	(sizeof(struct vnet_rss_head) + \
				 SLUICE_RSS_TABLE * sizeof(__le16) + \
				 sizeof(struct vnet_rss_tail))

/* Write a command and return its length. HASH_CONFIG is the same with a table of
 * one entry and no pairs, where it has reserved zeros.
 */
static inline size_t vnet_rss_write(const struct sluice_rss *rss, u32 hash_types,
				    u16 pairs, void *to)
{
	struct vnet_rss_head *head = to;
	u32 i, n = rss->entries ?: 1;
	struct vnet_rss_tail *tail = (void *)&head->table[n];

	head->hash_types = cpu_to_le32(hash_types);
	head->table_mask = cpu_to_le16(n - 1);
	head->unclassified = 0;
	for (i = 0; i < n; i++)
		head->table[i] = cpu_to_le16(rss->table[i]);
	tail->pairs = cpu_to_le16(pairs);
	tail->key_len = SLUICE_RSS_KEY;
	memcpy(tail->key, rss->key, SLUICE_RSS_KEY);
	return (void *)(tail + 1) - to;
}

#endif
