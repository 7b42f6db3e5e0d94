"""The encoders: each yields a list of feature maps, which any decoder consumes. A new one is one file and one line here."""

from modicum.networks.encoders import efficientnet_lite as _efficientnet_lite
from modicum.networks.encoders import plain as _plain
from modicum.networks.encoders import recurrent as _recurrent
from modicum.networks.encoders import resnet as _resnet
from modicum.networks.encoders import swin as _swin
from modicum.networks.encoders import vgg as _vgg
from modicum.networks.encoders import vit as _vit
from modicum.networks.encoders.table import ENCODERS, Encoder, EncoderSpec, dilate

__all__ = ["ENCODERS", "Encoder", "EncoderSpec", "dilate"]
